import { Buffer, isUtf8 } from 'node:buffer';
import type { CompareLimits } from '../../model/compare-settings.ts';
import type { BodyFault } from '../../model/difference.ts';
import { hasUtf16Mark, isUtf8Label, textFault } from '../content.ts';
import type { CompareFormat, Content } from '../format.ts';
import { JsonComparison } from './comparison.ts';
import type { JsonDocument } from './document.ts';
import { readJson } from './reader.ts';

/**
 * JSON, whatever its key order, white space, escapes and number forms. What the format returns keeps room for two
 * documents and uses it again; it is not to be called from within itself.
 */
export function createJsonFormat(): CompareFormat {
  const comparison = new JsonComparison();
  return (primary, other, path, context) => {
    try {
      const fault = read(comparison.primary, primary, context.limits);
      const otherFault = read(comparison.other, other, context.limits);
      if (fault !== undefined || otherFault !== undefined) return { primary: fault, other: otherFault };
      comparison.compare(path, context);
      return undefined;
    } finally {
      comparison.primary.clear();
      comparison.other.clear();
    }
  };
}

function read(document: JsonDocument, content: Content, limits: CompareLimits): BodyFault | undefined {
  const bytes = utf8Of(content);
  return bytes === undefined ? textFault(content) : readJson(document, bytes, limits);
}

/** JSON is UTF-8 by RFC 8259 §8.1; another charset counts when it is named. */
function utf8Of(content: Content): Buffer | undefined {
  if (isUtf8Label(content.parameter('charset')) && !hasUtf16Mark(content.bytes)) {
    return isUtf8(content.bytes) ? content.bytes : undefined;
  }
  const text = content.text();
  return text === undefined ? undefined : Buffer.from(text);
}
