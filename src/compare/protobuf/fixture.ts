import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, FileRegistry } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_timestamp,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

const REPEATED = Label.REPEATED;
const OPTIONAL = Label.OPTIONAL;

const field = (name: string, number: number, type: Type, more: object = {}) => ({
  name,
  jsonName: name,
  number,
  type,
  label: OPTIONAL,
  ...more,
});
const message = (name: string, number: number, typeName: string, more: object = {}) =>
  field(name, number, Type.MESSAGE, { typeName, ...more });

/** A shop's types: every kind of field once. */
const SHOP = create(FileDescriptorProtoSchema, {
  name: 'shop.proto',
  package: 'shop',
  syntax: 'proto3',
  dependency: [
    'google/protobuf/any.proto',
    'google/protobuf/timestamp.proto',
    'google/protobuf/duration.proto',
  ],
  enumType: [
    {
      name: 'State',
      value: [
        { name: 'OPEN', number: 0 },
        { name: 'PAID', number: 1 },
        { name: 'SENT', number: 2 },
      ],
    },
  ],
  messageType: [
    {
      name: 'Item',
      field: [
        field('sku', 1, Type.STRING),
        field('quantity', 2, Type.INT32),
        field('price', 3, Type.DOUBLE),
        field('codes', 4, Type.SINT64, { label: REPEATED }),
        message('parent', 5, '.shop.Item'),
      ],
    },
    {
      name: 'Order',
      field: [
        field('id', 1, Type.STRING),
        field('total', 2, Type.DOUBLE),
        field('serial', 3, Type.UINT64),
        field('paid', 4, Type.BOOL),
        field('state', 5, Type.ENUM, { typeName: '.shop.State' }),
        message('items', 6, '.shop.Item', { label: REPEATED }),
        message('labels', 7, '.shop.Order.LabelsEntry', { label: REPEATED }),
        message('first', 8, '.shop.Item'),
        field('note', 9, Type.STRING, { oneofIndex: 0 }),
        message('gift', 10, '.shop.Item', { oneofIndex: 0 }),
        field('discount', 11, Type.INT32, { oneofIndex: 1, proto3Optional: true }),
        field('numbers', 12, Type.INT32, { label: REPEATED }),
        field('ratios', 13, Type.FLOAT, { label: REPEATED }),
        message('created', 14, '.google.protobuf.Timestamp'),
        message('extra', 15, '.google.protobuf.Any'),
        field('raw', 16, Type.BYTES),
        message('stock', 17, '.shop.Order.StockEntry', { label: REPEATED }),
        field('tags', 18, Type.STRING, { label: REPEATED }),
        message('wait', 19, '.google.protobuf.Duration'),
        field('secret_note', 20, Type.STRING, { jsonName: 'secretNote' }),
      ],
      oneofDecl: [{ name: 'wish' }, { name: '_discount' }],
      nestedType: [
        {
          name: 'LabelsEntry',
          options: { mapEntry: true },
          field: [field('key', 1, Type.STRING), field('value', 2, Type.STRING)],
        },
        {
          name: 'StockEntry',
          options: { mapEntry: true },
          field: [field('key', 1, Type.INT32), message('value', 2, '.shop.Item')],
        },
      ],
    },
  ],
  service: [
    {
      name: 'Orders',
      method: [
        { name: 'Get', inputType: '.shop.Item', outputType: '.shop.Order', options: { idempotencyLevel: 1 } },
        { name: 'List', inputType: '.shop.Item', outputType: '.shop.Order', serverStreaming: true },
        { name: 'Add', inputType: '.shop.Order', outputType: '.shop.Order', clientStreaming: true },
        {
          name: 'Talk',
          inputType: '.shop.Order',
          outputType: '.shop.Order',
          clientStreaming: true,
          serverStreaming: true,
        },
      ],
    },
  ],
});

const SET = create(FileDescriptorSetSchema, {
  file: [
    file_google_protobuf_any.proto,
    file_google_protobuf_timestamp.proto,
    file_google_protobuf_duration.proto,
    SHOP,
  ],
});

/** A serialised descriptor set for tests. */
export const SHOP_DESCRIPTORS: Uint8Array = toBinary(FileDescriptorSetSchema, SET);

export const SHOP_REGISTRY: FileRegistry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, SHOP_DESCRIPTORS),
);

export function shopType(name: string): DescMessage {
  const found = SHOP_REGISTRY.getMessage(`shop.${name}`);
  if (found === undefined) throw new Error(`no type ${name}`);
  return found;
}
