import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import type { CompareFormat } from './format.ts';
import { compareEventStream } from './formats/event-stream.ts';
import { compareForm } from './formats/form.ts';
import { compareMarkup } from './formats/markup.ts';
import { compareMultipart } from './formats/multipart.ts';
import { compareNdjson } from './formats/ndjson.ts';
import { compareOctets } from './formats/octets.ts';
import { compareText } from './formats/text.ts';
import { createJsonFormat } from './json/format.ts';
import { ProtobufBodies } from './protobuf/bodies.ts';
import type { Structure } from './structure.ts';

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
    markup: compareMarkup,
    protobuf,
    text: compareText,
    octets: compareOctets,
  };
}
