import { create } from '@bufbuild/protobuf';
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel as Idempotency,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
  ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import protobufjs from 'protobufjs';
import { UserError, messageOf } from '../kit/errors.ts';
import { isSection } from './value.ts';

type Section = Readonly<Record<string, unknown>>;

/** A .proto file as it was written: names of types are not looked up yet. */
export interface ProtoSource {
  /** As others import it: `shop/v1/orders.proto`. */
  readonly name: string;
  readonly syntax: 'proto2' | 'proto3';
  readonly packageName: string;
  readonly imports: readonly string[];
  /** What the parser makes of it. */
  readonly content: Section;
  /** Full names of the messages and enums that it declares. */
  readonly declared: ReadonlyMap<string, 'message' | 'enum' | 'group'>;
}

const SCALARS: ReadonlyMap<string, Type> = new Map([
  ['double', Type.DOUBLE],
  ['float', Type.FLOAT],
  ['int64', Type.INT64],
  ['uint64', Type.UINT64],
  ['int32', Type.INT32],
  ['fixed64', Type.FIXED64],
  ['fixed32', Type.FIXED32],
  ['bool', Type.BOOL],
  ['string', Type.STRING],
  ['bytes', Type.BYTES],
  ['uint32', Type.UINT32],
  ['sfixed32', Type.SFIXED32],
  ['sfixed64', Type.SFIXED64],
  ['sint32', Type.SINT32],
  ['sint64', Type.SINT64],
]);

/**
 * Parses the text of a .proto file of syntax proto2 or proto3.
 *
 * @throws UserError when it is none, or of a newer edition
 */
export function parseProto(text: string, name: string): ProtoSource {
  const plain = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ');
  const [, keyword, version = 'proto2'] =
    /^\s*(syntax|edition)\s*=\s*["']([^"']{1,16})["']/.exec(plain) ?? [];
  if (keyword === 'edition' || (version !== 'proto2' && version !== 'proto3')) {
    throw new UserError(`${name} is of the edition ${version}`, {
      code: 'config',
      hint: 'compile it, and give the result as descriptors: buf build -o orders.binpb',
    });
  }
  try {
    const root = new protobufjs.Root();
    const parsed = protobufjs.parse(text, root, { keepCase: true });
    const packageName = parsed.package ?? '';
    let content: Section = { ...root.toJSON() };
    for (const part of packageName === '' ? [] : packageName.split('.')) content = below(content, part);
    return {
      name,
      syntax: version,
      packageName,
      imports: [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])],
      content,
      declared: new Map(declaredIn(content, packageName)),
    };
  } catch (error) {
    throw new UserError(`${name} cannot be read: ${messageOf(error)}`, {
      code: 'config',
      hint: 'does protoc take it? its result can be given as descriptors too',
      cause: error,
    });
  }
}

function below(section: Section, name: string): Section {
  return sectionAt(sectionAt(section, 'nested'), name);
}

function sectionAt(section: Section, key: string): Section {
  const value = Object.hasOwn(section, key) ? section[key] : undefined;
  return isSection(value) ? value : {};
}

function entriesAt(section: Section, key: string): readonly (readonly [name: string, value: Section])[] {
  return Object.entries(sectionAt(section, key)).flatMap(([name, value]) =>
    isSection(value) ? [[name, value]] : [],
  );
}

function declaredIn(
  content: Section,
  scope: string,
): readonly (readonly [name: string, kind: 'message' | 'enum' | 'group'])[] {
  return entriesAt(content, 'nested').flatMap(([name, value]) => {
    const full = joined(scope, name);
    if ('values' in value) return [[full, 'enum'] as const];
    if (!('fields' in value)) return [];
    return [[full, value['group'] === true ? 'group' : 'message'] as const, ...declaredIn(value, full)];
  });
}

function joined(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}

/**
 * The descriptor of a parsed file.
 *
 * @param kindOf what a full name stands for, in any file
 * @param imports those that are there
 * @throws UserError when a type is not known
 */
export function descriptorOf(
  source: ProtoSource,
  kindOf: (name: string) => 'message' | 'enum' | 'group' | undefined,
  imports: readonly string[],
): FileDescriptorProto {
  return new Descriptors(source, kindOf).file(imports);
}

class Descriptors {
  readonly #source: ProtoSource;
  readonly #kindOf: (name: string) => 'message' | 'enum' | 'group' | undefined;

  constructor(source: ProtoSource, kindOf: (name: string) => 'message' | 'enum' | 'group' | undefined) {
    this.#source = source;
    this.#kindOf = kindOf;
  }

  file(imports: readonly string[]): FileDescriptorProto {
    const { name, packageName, syntax, content } = this.#source;
    const nested = entriesAt(content, 'nested');
    return create(FileDescriptorProtoSchema, {
      name,
      package: packageName,
      syntax,
      dependency: [...imports],
      messageType: this.#messages(nested, packageName),
      enumType: enumsOf(nested),
      extension: this.#extensions(nested, packageName),
      service: nested
        .filter(([, value]) => 'methods' in value)
        .map(([key, value]) => this.#service(key, value, packageName)),
    });
  }

  #messages(nested: readonly (readonly [string, Section])[], scope: string): DescriptorProto[] {
    return nested
      .filter(([, value]) => 'fields' in value)
      .map(([name, value]) => this.#message(name, value, joined(scope, name)));
  }

  #extensions(nested: readonly (readonly [string, Section])[], scope: string): FieldDescriptorProto[] {
    return nested.flatMap(([name, value]) => {
      if (typeof value['extend'] !== 'string') return [];
      const field = this.#field(name, value, scope);
      field.extendee = this.#resolved(value['extend'], scope);
      return [field];
    });
  }

  #message(name: string, message: Section, scope: string): DescriptorProto {
    const nested = entriesAt(message, 'nested');
    const descriptor = create(DescriptorProtoSchema, {
      name,
      nestedType: this.#messages(nested, scope),
      enumType: enumsOf(nested),
      extension: this.#extensions(nested, scope),
      extensionRange: listOf(message['extensions']).map(([start, end]) => ({ start, end: end + 1 })),
    });
    const oneofs = entriesAt(message, 'oneofs');
    const optional = (field: string) => {
      const options = sectionAt(sectionAt(sectionAt(message, 'fields'), field), 'options');
      return options['proto3_optional'] === true;
    };
    const members = oneofs.map(([key, { oneof }]) => ({
      key,
      fields: Array.isArray(oneof) ? oneof.map(String) : [],
    }));
    // Those that stand for optional fields come last, as protoc has them.
    const ordered = members.toSorted(
      (a, b) => Number(a.fields.some(optional)) - Number(b.fields.some(optional)),
    );
    descriptor.oneofDecl = ordered.map(({ key }) => ({
      $typeName: 'google.protobuf.OneofDescriptorProto',
      name: key,
    }));
    for (const [key, value] of entriesAt(message, 'fields')) {
      // Extensions of the same file are listed among the fields.
      if (key.startsWith('.')) continue;
      const field = this.#field(key, value, scope);
      if (typeof value['keyType'] === 'string') {
        const entry = this.#mapEntry(key, value['keyType'], value, scope);
        descriptor.nestedType.push(entry);
        field.label = Label.REPEATED;
        field.type = Type.MESSAGE;
        field.typeName = `.${joined(scope, entry.name)}`;
      }
      const at = ordered.findIndex(({ fields }) => fields.includes(key));
      if (at >= 0) field.oneofIndex = at;
      if (optional(key)) field.proto3Optional = true;
      descriptor.field.push(field);
    }
    return descriptor;
  }

  /** The type of a map's entries, named as protoc does it. */
  #mapEntry(name: string, keyType: string, value: Section, scope: string): DescriptorProto {
    const typeName = `${name.replaceAll(/(?:^|_)([a-zA-Z\d])/g, (_, first: string) => first.toUpperCase())}Entry`;
    return create(DescriptorProtoSchema, {
      name: typeName,
      options: { mapEntry: true },
      field: [
        this.#field('key', { id: 1, type: keyType }, scope),
        this.#field('value', { id: 2, type: value['type'] }, scope),
      ],
    });
  }

  #field(name: string, value: Section, scope: string): FieldDescriptorProto {
    const { id, type, rule } = value;
    const options = sectionAt(value, 'options');
    const field = create(FieldDescriptorProtoSchema, {
      name,
      jsonName: jsonNameOf(name, options),
      number: typeof id === 'number' ? id : 0,
      label: rule === 'repeated' ? Label.REPEATED : rule === 'required' ? Label.REQUIRED : Label.OPTIONAL,
    });
    const scalar = SCALARS.get(String(type));
    if (scalar === undefined) {
      field.typeName = this.#resolved(String(type), scope);
      const kind = this.#kindOf(field.typeName.slice(1));
      field.type = kind === 'enum' ? Type.ENUM : kind === 'group' ? Type.GROUP : Type.MESSAGE;
    } else field.type = scalar;
    if (typeof options['packed'] === 'boolean')
      field.options = create(FieldOptionsSchema, { packed: options['packed'] });
    if (options['default'] !== undefined) field.defaultValue = String(options['default']);
    return field;
  }

  #service(name: string, service: Section, scope: string): ServiceDescriptorProto {
    return create(ServiceDescriptorProtoSchema, {
      name,
      method: entriesAt(service, 'methods').map(([key, method]) => ({
        name: key,
        inputType: this.#resolved(String(method['requestType']), scope),
        outputType: this.#resolved(String(method['responseType']), scope),
        clientStreaming: method['requestStream'] === true,
        serverStreaming: method['responseStream'] === true,
        options: { idempotencyLevel: idempotencyOf(sectionAt(method, 'options')) },
      })),
    });
  }

  /** The full name of a type, with its leading dot: looked for from the inside out. */
  #resolved(reference: string, from: string): string {
    if (reference.startsWith('.') && this.#kindOf(reference.slice(1)) !== undefined) return reference;
    for (let scope = from; ; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
      const name = joined(scope, reference.replace(/^\./, ''));
      if (this.#kindOf(name) !== undefined) return `.${name}`;
      if (scope === '') break;
    }
    throw new UserError(`${this.#source.name}: the type ${reference.slice(0, 200)} is not known`, {
      code: 'config',
      hint: 'give the folder that its imports start from',
    });
  }
}

/** The name in JSON, as protoc makes it. */
function jsonNameOf(name: string, options: Section): string {
  const given = options['json_name'];
  if (typeof given === 'string') return given;
  return name.replaceAll(/_+([a-zA-Z\d]?)/g, (_, next: string) => next.toUpperCase());
}

function enumsOf(nested: readonly (readonly [string, Section])[]): EnumDescriptorProto[] {
  return nested
    .filter(([, value]) => 'values' in value)
    .map(([name, { values }]) =>
      create(EnumDescriptorProtoSchema, {
        name,
        value: Object.entries(isSection(values) ? values : {}).map(([key, number]) => ({
          name: key,
          number: Number(number),
        })),
        options: { allowAlias: true },
      }),
    );
}

function idempotencyOf(options: Section): Idempotency {
  if (options['idempotency_level'] === 'NO_SIDE_EFFECTS') return Idempotency.NO_SIDE_EFFECTS;
  return options['idempotency_level'] === 'IDEMPOTENT'
    ? Idempotency.IDEMPOTENT
    : Idempotency.IDEMPOTENCY_UNKNOWN;
}

/** Ranges of numbers. */
function listOf(ranges: unknown): readonly (readonly [number, number])[] {
  if (!Array.isArray(ranges)) return [];
  return ranges.flatMap((range: unknown) =>
    Array.isArray(range) && typeof range[0] === 'number' && typeof range[1] === 'number'
      ? [[range[0], range[1]] as const]
      : [],
  );
}
