import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { configurationSchema, editorSchema } from './configuration-schema.ts';
import type { JsonSchema } from './configuration-schema.ts';

/** The manual's page about the configuration and the JSON Schema for editors, both made from the schema that validates. */
export function generate(): readonly { readonly path: string; readonly text: string }[] {
  const example = readFileSync(join(import.meta.dirname, '../docs/example.yaml'), 'utf8');
  return [
    { path: 'docs/configuration.md', text: page(configurationSchema(), example) },
    { path: 'docs/schema.json', text: editorSchema() },
  ];
}

/** Sections that are used in several places and described once. */
const SHARED: Readonly<Record<string, string>> = {
  Match: 'Matches',
  ClientTls: 'TLS to a server',
};

interface Section {
  /** `policies[].limits`; the anchor is made from it. */
  readonly title: string;
  readonly depth: number;
  readonly description: string | undefined;
  readonly schema: JsonSchema;
}

function page(root: JsonSchema, example: string): string {
  const sections = [
    ...sectionsOf(root, '', 2),
    ...Object.entries(root.definitions ?? {}).flatMap(([id, schema]) => [
      { title: SHARED[id] ?? id, depth: 2, description: schema.description, schema },
      ...sectionsOf(schema, `${SHARED[id] ?? id}: `, 3),
    ]),
  ];
  return `# Configuration

<!-- Made by \`npm run docs\` from src/config. -->

A configuration is one YAML file: \`understudy run --config understudy.yaml\`. It is read again whenever it changes, and on
SIGHUP, without closing a connection; one that cannot be used is refused as a whole, and the running one stays in force.
Unknown keys are errors. \`understudy check --config understudy.yaml\` shows everything that is wrong at once, with line and
column, and with \`--request 'GET /api/x'\` what would happen to a request and why.

\`\`\`yaml
${example.trimEnd()}
\`\`\`

Editors complete and check it with [schema.json](schema.json): begin the file with
\`# yaml-language-server: $schema=<path to schema.json>\`.

## Values

| kind | written as |
|---|---|
| address | \`127.0.0.1:8080\`, \`[::1]:8080\`, \`:8080\` (every IPv4 interface), \`unix:/run/x.sock\` |
| URL | \`http://host:port\`, \`https://host:port\`, \`h2c://host:port\` (HTTP/2 without TLS; primaries only), \`unix:/run/x.sock\`; without a path. Ports default to 80 and 443 |
| duration | \`250ms\`, \`5s\`, \`1m30s\`, \`2h\`, \`1d\` |
| size | bytes as a number, or \`64KiB\`, \`1MiB\`, \`2GiB\`, \`10MB\` |
| percentage | \`50%\`, with its sign |
| name | 1 to 63 lower-case letters, digits and \`. _ -\`, the first a letter or digit |
| path of a difference | as findings show it: \`status\`, \`header.x-build\`, \`body.items[].price\` (\`[]\` are the elements of an array), \`body["odd name"]\`. \`*\` stands for one name, \`**\` at the end for any rest. In \`[ ]\` and \`{ }\` of YAML one with brackets needs quotes |
| file | a path; relative ones start from the folder of the configuration file. Certificates and keys are checked when the file is read |

Regular expressions are [RE2](https://github.com/google/re2/wiki/Syntax), for the whole value: they take time in proportion
to its length, whatever the traffic holds. At most 1024 characters and 1000 instructions; values over 8192 characters fit no
match, and every exclusion.

In the tables **bold** keys are required, and a dash is "nothing, unless it is set". Limits are per observer where they say so:
with W workers and P observers per worker the whole program has W × P times as much.

## At the top

${table(root)}

${sections.map(renderSection).join('\n\n')}

${FLAGS}`;
}

const FLAGS = `## Flags and variables

The quick start needs no file. Its flags stand for this configuration, and go through the same checks:

| flag | is |
|---|---|
| \`--listen ADDRESS\` | \`listeners[0].listen\`; the listener and the policy are called \`main\` |
| \`--primary URL\` | one of \`listeners[0].primary.endpoints\`; may be repeated |
| \`--mirror [NAME=]URL\` | one of \`policies[0].mirrors\`; may be repeated. Without a name: \`mirror\`, \`mirror-2\` … |
| \`--capture SOURCE\` | one of \`captures\`, which are called \`capture\`, \`capture-2\` …; may be repeated. \`-\`, and what has a slash or ends in .pcap, .pcapng, .cap, .dmp, .trace or .gz, is a file; \`vxlan://\`, \`geneve://\` and \`pcap-over-ip://\` are what they say; anything else is an interface |
| \`--capture-filter BPF\`, \`--namespace NAME\` | \`filter\` and \`namespace\` of captures of interfaces |
| \`--server-ports PORTS\`, \`--key-log FILE\` | \`serverPorts\` (with commas) and \`keyLog\` of all captures |
| \`--capture-output ADDRESS\` | \`captures[0].output\` |
| \`--control URL\` | \`policies[0].control.url\` |
| \`--percent N\` | \`policies[0].percent\` |
| \`--sample-by KEY\` | \`policies[0].sampleBy\` |
| \`--writes hold\\|mirror\` | \`policies[0].writes\` |
| \`--ignore PATH\` | one of \`policies[0].compare.ignore\`; may be repeated |

These hold over a file as well; a flag holds over its variable:

| flag | variable | is |
|---|---|---|
| \`--admin ADDRESS\\|off\` | | \`admin.listen\` |
| | \`UNDERSTUDY_ADMIN_TOKEN\` | \`admin.token\` |
| \`--store FILE\` | | \`store.file\`, starting from the working directory |
| \`--log LEVEL[,FORMAT]\` | \`UNDERSTUDY_LOG\` | \`log.level\` and \`log.format\` |
`;

/** The sections below a section, each followed by its own. */
function sectionsOf(schema: JsonSchema, above: string, depth: number): readonly Section[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const inner = innerSection(property);
    if (inner === undefined || inner.$ref !== undefined) return [];
    const title = `${above}${key}${property.type === 'array' ? '[]' : ''}`;
    return [
      { title, depth, description: property.description, schema: inner },
      ...sectionsOf(inner, `${title}.`, Math.min(depth + 1, 4)),
    ];
  });
}

/** The section that a key holds, or a list of them, or one of several forms; undefined for plain values. */
function innerSection(schema: JsonSchema): JsonSchema | undefined {
  if (schema.$ref !== undefined || schema.properties !== undefined) return schema;
  if (schema.items !== undefined) return innerSection(schema.items);
  for (const one of [...(schema.allOf ?? []), ...(schema.anyOf ?? [])]) {
    const inner = innerSection(one);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function renderSection({ title, depth, description, schema }: Section): string {
  const lines = [`${'#'.repeat(depth)} ${title}`];
  // The deeper ones were described a few lines above.
  if (description !== undefined && depth === 2) lines.push(description);
  lines.push(table(schema, title));
  return lines.join('\n\n');
}

function table(schema: JsonSchema, title = ''): string {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const name = required.has(key) ? `**\`${key}\`**` : `\`${key}\``;
    const link = linkOf(property, key, title);
    const kind = typeText(property);
    return `| ${name} | ${link === undefined ? kind : `[${kind}](#${link})`} | ${defaultText(property, required.has(key))} | ${meaning(property)} |`;
  });
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function linkOf(schema: JsonSchema, key: string, title: string): string | undefined {
  const inner = innerSection(schema);
  if (inner === undefined) return undefined;
  if (inner.$ref !== undefined) return anchor(SHARED[refId(inner.$ref)] ?? refId(inner.$ref));
  const shared = Object.values(SHARED).includes(title);
  return anchor(
    `${title}${title === '' ? '' : shared ? ': ' : '.'}${key}${schema.type === 'array' ? '[]' : ''}`,
  );
}

/** As GitHub makes anchors of headings. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-');
}

function typeText(schema: JsonSchema): string {
  if (schema['x-type'] !== undefined) return schema['x-type'];
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${String(word)}\``).join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.items !== undefined) return `list of ${plural(typeText(schema.items))}`;
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' or ');
  const ref = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (ref !== undefined && refId(ref) === 'Match') return 'match';
  return 'section';
}

function plural(kind: string): string {
  if (kind.includes('`')) return kind;
  return { match: 'matches', address: 'addresses' }[kind] ?? `${kind}s`;
}

function refId(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}

function defaultText(schema: JsonSchema, required: boolean): string {
  if (required) return '';
  if (schema['x-default'] !== undefined) return schema['x-default'];
  const value = schema.default;
  if (value === undefined) return '–';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : code(value);
  return isEmptySection(value) ? '' : code(value);
}

function meaning(schema: JsonSchema): string {
  const parts = [schema.description ?? ''];
  const { minimum, maximum } = schema;
  // Bounds that nobody will meet are noise.
  if (minimum !== undefined && maximum !== undefined && maximum <= 65_535 && schema.default !== undefined) {
    parts.push(`${minimum} to ${maximum}.`);
  }
  const examples = (schema.examples ?? []).filter((example) => example !== schema.default);
  if (examples.length > 0) parts.push(`*${examples.slice(0, 4).map(code).join(', ')}*`);
  return parts.join(' ').replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function code(value: unknown): string {
  const text = stringify(value, {
    collectionStyle: 'flow',
    lineWidth: 0,
    flowCollectionPadding: false,
  }).trim();
  return `\`${typeof value === 'string' ? value : text}\``;
}

function isEmptySection(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
