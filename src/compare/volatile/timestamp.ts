import type { VolatileValue } from './value.ts';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const WEEKDAY = '(?:Mon|Tue|Tues|Wed|Wednes|Thu|Thurs|Fri|Sat|Satur|Sun)(?:day)?';
const MONTH =
  '(?<month>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?';
const TIME = String.raw`(?<hour>\d{1,2}):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d{1,9}))?)?`;
const HALF = String.raw`(?:[ \u202f](?<half>[AaPp][Mm]))?`;
const ZONE = String.raw`(?: ?(?<zone>[Zz]|(?:UTC|GMT|UT)(?:[+-]\d{4})?|[+-]\d\d(?::?\d\d)?))?`;
const END = '(?![A-Za-z0-9])';

const form = (pattern: string) => new RegExp(pattern + END, 'y');

// Every one has a time of day: a date alone is as often a birthday as it is today.
const BY_DIGIT = [
  // RFC 3339, ISO 8601 extended, and the same with slashes.
  form(String.raw`(?<year>\d{4})(?<dash>[-/])(?<month>\d\d)\k<dash>(?<day>\d\d)(?:[Tt ]|, )${TIME}${ZONE}`),
  // ISO 8601 basic, also without T.
  form(
    String.raw`(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)T?(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)(?:\.(?<fraction>\d{1,9}))?(?<zone>Z|[+-]\d{4})?`,
  ),
  // RFC 5322 without the day of the week, RFC 850.
  form(String.raw`(?<day>\d{1,2})(?<dash>[ -])${MONTH}\k<dash>(?<year>\d{4}|\d\d),? ${TIME}${ZONE}`),
  // The common log format of web servers.
  form(String.raw`(?<day>\d\d)/${MONTH}/(?<year>\d{4}):${TIME}${ZONE}`),
  // What toLocaleString makes in the United States.
  form(String.raw`(?<month>\d{1,2})/(?<day>\d{1,2})/(?<year>\d{4}),? ${TIME}${HALF}`),
];
const BY_LETTER = [
  // IMF-fixdate and RFC 850 of RFC 9110 §5.6.7, RFC 5322.
  form(
    String.raw`${WEEKDAY}, ?(?<day>\d{1,2})(?<dash>[ -])${MONTH}\k<dash>(?<year>\d{4}|\d\d) ${TIME}${ZONE}`,
  ),
  // asctime, date(1) and JavaScript's Date.toString.
  form(
    String.raw`(?:${WEEKDAY} )${MONTH} {1,2}(?<day>\d{1,2}) (?:(?<year>\d{4}) )?${TIME}${ZONE}(?: (?<year2>\d{4}))?`,
  ),
  form(String.raw`${MONTH} (?<day>\d{1,2}), (?<year>\d{4})(?:,| at)? ${TIME}${HALF}${ZONE}`),
];

/** How the names of days and months begin. */
const NAMES: ReadonlySet<string> = new Set(
  'Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' '),
);

/**
 * A point in time in one of the usual forms that begins at an index, with its date and its time of day. `end` is where
 * the word ends that begins there.
 */
export function timestampAt(text: string, at: number, end: number): VolatileValue | undefined {
  for (const pattern of patternsFor(text, at, end)) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) continue;
    const instantMs = instantOf(match.groups ?? {});
    if (instantMs === undefined) continue;
    return {
      kind: 'timestamp',
      start: at,
      end: at + match[0].length,
      form: formOf(match[0]),
      certain: true,
      instantMs,
    };
  }
  return undefined;
}

/** Most words are told apart here, without a pattern. */
function patternsFor(text: string, at: number, end: number): readonly RegExp[] {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return '-/ '.includes(text[end] ?? '.') || end - at >= 14 ? BY_DIGIT : [];
  return code >= 65 && code <= 90 && NAMES.has(text.slice(at, at + 3)) ? BY_LETTER : [];
}

/** The moment, or undefined when it is none: month 13, hour 25. */
function instantOf(groups: Readonly<Record<string, string | undefined>>): number | undefined {
  const number = (name: string) => Number(groups[name] ?? 0);
  const named = MONTHS.indexOf((groups['month'] ?? '').toLowerCase());
  const month = named === -1 ? number('month') : named + 1;
  const year = groups['year'] === undefined ? number('year2') : number('year');
  const day = number('day');
  const hour = number('hour');
  const minute = number('minute');
  const second = number('second');
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  // Second 60 is a leap second.
  if (hour > 24 || minute > 59 || second > 60) return undefined;
  const fullYear = year < 100 ? 2000 + year : year;
  const half = groups['half']?.toLowerCase();
  const hours = half === undefined ? hour : (hour % 12) + (half === 'pm' ? 12 : 0);
  const millis = Number(`0.${groups['fraction'] ?? '0'}`) * 1000;
  return Date.UTC(fullYear, month - 1, day, hours, minute, second, millis) - offsetOf(groups['zone']);
}

function offsetOf(zone: string | undefined): number {
  const match = zone === undefined ? null : /([+-])(\d\d):?(\d\d)?$/.exec(zone);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return (match[1] === '-' ? -minutes : minutes) * 60_000;
}

/** Digits, names and fractions folded: some writers leave out the zeros at the end of a fraction. */
function formOf(value: string): string {
  return value
    .replace(/(:\d\d)[.,]\d{1,9}/, '$1')
    .replace(/[AaPp][Mm]$/, 'AM')
    .replace(/[A-Za-z]{3,}/g, 'name')
    .replace(/\d+/g, '0')
    .replace(/ {2}/, ' ');
}
