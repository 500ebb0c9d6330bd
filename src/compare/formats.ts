import { lateModule } from '../kit/late-module.ts';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import type { CompareFormat } from './format.ts';
import { compareEventStream } from './formats/event-stream.ts';
import { compareForm } from './formats/form.ts';
import type * as Markup from './formats/markup.ts';
import { compareMultipart } from './formats/multipart.ts';
import { compareNdjson } from './formats/ndjson.ts';
import { compareOctets } from './formats/octets.ts';
import { compareText } from './formats/text.ts';
import { createJsonFormat } from './json/format.ts';
import { ProtobufBodies } from './protobuf/bodies.ts';
import type { Structure } from './structure.ts';

const markup = lateModule<typeof Markup>(import.meta.url, './formats/markup');

/**
 * One comparison for each structure; that of JSON keeps its memory for the next pair.
 *
 * @param protobuf needs to know what is called
 */
export function createFormats(
  protobuf: CompareFormat = new ProtobufBodies(DEFAULT_COMPARE.protobuf).compare,
): Readonly<Record<Structure, CompareFormat>> {
  return {
    json: createJsonFormat(),
    ndjson: compareNdjson,
    'event-stream': compareEventStream,
    form: compareForm,
    multipart: compareMultipart,
    markup: (primary, other, path, context) => markup().compareMarkup(primary, other, path, context),
    protobuf,
    text: compareText,
    octets: compareOctets,
  };
}
