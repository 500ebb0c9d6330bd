import { sourceText } from '../config/capture-text.ts';
import { parseCheckRequest } from '../config/check-request.ts';
import { compareText } from '../config/compare-text.ts';
import { renderCheck } from '../config/check-text.ts';
import { checkRequest } from '../config/check.ts';
import { settingsFromFlags } from '../config/flags.ts';
import type { LoadedConfig } from '../config/load.ts';
import { ConfigError, renderProblems } from '../config/problem.ts';
import { addressText } from '../model/address.ts';
import type { Settings } from '../model/settings.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, isGiven, valueOf } from './command.ts';
import { CONFIG_OPTIONS, configFlags } from './config-options.ts';

export const check: Command = {
  name: 'check',
  summary: 'Validate a configuration, and say what it would do with a request',
  usage:
    '(--config FILE | --listen ADDRESS --primary URL … | --capture SOURCE …) [--request REQUEST [--header HEADER]…]',
  description:
    'Prints everything that is wrong with a configuration, each with its line and how to mend it. With --request it says for every policy whether such a request would be copied, and why. Starts nothing and connects to nothing.',
  options: [
    ...CONFIG_OPTIONS,
    { name: 'request', value: 'REQUEST', help: "what to explain: 'GET /api/x' or a URL" },
    { name: 'header', value: 'HEADER', help: "a header of the request: 'x-env: prod'", many: true },
    { name: 'source', value: 'IP', help: 'address of the client' },
    { name: 'principal', value: 'NAME', help: "identity from the client's certificate" },
    { name: 'tap', value: 'NAME', help: 'listener or capture that it comes in on' },
    { name: 'json', help: 'print one line of JSON' },
  ],
  examples: [
    { what: 'everything that is wrong, at once', command: 'understudy check --config understudy.yaml' },
    {
      what: 'would this one be copied, and why?',
      command:
        "understudy check --config understudy.yaml --request 'GET /api/orders/7' --header 'x-env: prod' --source 10.0.0.1",
    },
  ],
  run: runCheck,
};

async function runCheck(input: Input, context: Context): Promise<number> {
  const json = isGiven(input, 'json');
  const loaded = load(input, context, json);
  if (loaded === undefined) return EXIT.usage;
  const { settings, warnings } = loaded;
  const written = valueOf(input, 'request');
  const result =
    written === undefined
      ? undefined
      : checkRequest(
          settings,
          parseCheckRequest({
            request: written,
            headers: input.options['header'],
            source: valueOf(input, 'source'),
            principal: valueOf(input, 'principal'),
            tap: valueOf(input, 'tap'),
          }),
          context.preview,
        );
  if (json) {
    print(context, { ok: true, warnings, ...result });
    return EXIT.done;
  }
  if (warnings.length > 0) context.err.write(`${renderProblems(warnings)}\n\n`);
  context.out.write(result === undefined ? overview(settings) : `${renderCheck(result, settings)}\n`);
  return EXIT.done;
}

/** Undefined when it cannot be used and JSON has said why. */
function load(input: Input, context: Context, json: boolean): LoadedConfig | undefined {
  try {
    return settingsFromFlags(configFlags(input), context.env, process.cwd());
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    print(context, { ok: false, problems: error.problems });
    return undefined;
  }
}

function print({ out }: Context, value: object): void {
  out.write(`${JSON.stringify(value)}\n`);
}

function overview({ listeners, captures, policies, admin, store }: Settings): string {
  const lines = ['OK'];
  for (const { name, listen, primary } of listeners) {
    lines.push(
      `listener ${name}: ${addressText(listen)} → ${primary.endpoints.map(({ url }) => url).join(', ')}`,
    );
  }
  for (const { name, source, keyLog, output } of captures) {
    lines.push(
      `capture ${name}: ${sourceText(source)}` +
        (keyLog === undefined ? '' : `; TLS by ${keyLog}`) +
        (output === undefined ? '' : `; given out on ${addressText(output)}`),
    );
  }
  for (const policy of policies) {
    const { name, mirrors, fraction, writes } = policy;
    const percent = Number(((fraction.numerator / fraction.denominator) * 100).toPrecision(6));
    lines.push(
      `policy ${name}: ${percent} % → ${mirrors.map((mirror) => `${mirror.name} (${mirror.endpoint.url})`).join(', ')}; ` +
        (writes === 'hold' ? 'writes are held back' : 'writes are copied too'),
      ...compareText(policy).map((line) => `  ${line}`),
    );
  }
  lines.push(`admin: ${admin.listen === undefined ? 'off' : addressText(admin.listen)}`);
  lines.push(`store: ${store.file ?? 'in memory'}`);
  return `${lines.join('\n')}\n`;
}
