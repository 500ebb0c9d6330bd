import { createContent } from '../content.ts';
import type { Content } from '../format.ts';

/** Where a document may say its charset, bytes (WHATWG HTML §4.2.5.4, §13.2.3.3). */
const PRESCAN_BYTES = 1024;

const XML_DECLARATION = /^\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']/;
const META = /<meta\s[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i;

/**
 * Markup in the charset that it names itself, where the media type names none and it is not UTF-8: by the XML declaration
 * (XML 1.0 §4.3.3) or an element `meta`. Otherwise the content as it is.
 */
export function inOwnCharset(content: Content): Content {
  if (content.parameter('charset') !== undefined || content.text() !== undefined) return content;
  const start = content.bytes.toString('latin1', 0, PRESCAN_BYTES);
  const label = (XML_DECLARATION.exec(start) ?? META.exec(start))?.[1];
  if (label === undefined) return content;
  return createContent(content.bytes, `${content.mediaType}; charset=${label}`);
}
