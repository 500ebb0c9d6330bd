import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { addressText } from '../model/address.ts';
import type {
  Address,
  ClientTls,
  Endpoint,
  ListenerSettings,
  ListenerTls,
  PrimarySettings,
} from '../model/settings.ts';
import { parseAddress, parseEndpoint } from './address.ts';
import { checkName } from './checks.ts';
import type { Surroundings } from './surroundings.ts';
import { listenerTlsSchema } from './tls-schema.ts';
import { choice, duration, flag, integer, later, list, metaOf, section, text, typeText } from './value.ts';

const SECOND = 1000;
const HOUR = 3_600_000;

const MAX_WORKERS = 256;

export function listenerSchema(
  surroundings: Surroundings,
  clientTls: z.ZodType<ClientTls>,
): z.ZodType<ListenerSettings> {
  return section({
    name: text(
      'name',
      { description: 'The name of this tap, in policies, metrics and the dashboard.', examples: ['orders'] },
      checkName,
    ),
    listen: text(
      'address',
      {
        description:
          'Where clients connect: `host:port`, `[ip6]:port`, `:port` (every IPv4 interface; `[::]:port` is every one) or `unix:/path`.',
        examples: ['0.0.0.0:8080', '[::]:8080', 'unix:/run/orders.sock'],
      },
      parseAddress,
    ),
    primary: primarySchema(clientTls),
    tls: listenerTlsSchema(surroundings).optional().meta({
      description:
        'Terminates TLS with a certificate, or is `passthrough`: then the TLS of the client goes to the primary untouched, and nothing of it can be copied. Without it plain TCP is relayed.',
    }),
    workers: z
      .union(
        [
          z.literal('auto', {
            error: ({ input }) => `${typeText(input)} is not known here\nwrite auto or a number`,
          }),
          integer({ description: 'A number of threads.' }, { min: 1, max: MAX_WORKERS }),
        ],
        { error: ({ input }) => `auto or a number is wanted, this is ${typeText(input)}\nwrite auto or 2` },
      )
      .meta(
        metaOf(
          {
            description:
              'Live worker threads, which share the address. `auto` is half of the processors; observers need the other half. A Unix socket has one.',
            examples: [2],
          },
          'auto or integer',
        ),
      )
      .prefault('auto'),
    proxyProtocol: flag({
      description:
        'Whether every client connection begins with a PROXY protocol header (v1 or v2), as a load balancer in front sends it. Connections without one are then closed.',
    }).prefault(false),
    connections: integer(
      {
        description:
          'Open client connections, over all workers. Further ones are closed at once, and counted.',
        examples: [20_000],
      },
      { min: 1, max: 1_000_000 },
    ).prefault(20_000),
    idleTimeout: duration(
      {
        description:
          'A connection on which nothing moved for this long, in either direction, is closed. Long, so that the time-outs of clients and primary decide as they would without Understudy; it only clears away peers that have vanished.',
        examples: ['1h'],
      },
      { min: SECOND, max: 24 * HOUR },
    ).prefault('1h'),
    handshakeTimeout: duration(
      {
        description: 'Time for the TLS handshake and the PROXY protocol header of a client.',
        examples: ['10s'],
      },
      { min: 100, max: 300 * SECOND },
    ).prefault('10s'),
  }).transform((listener, context): ListenerSettings => {
    const { name, listen, workers, proxyProtocol, connections } = listener;
    const primary = listener.tls === 'passthrough' ? untouched(listener.primary, context) : listener.primary;
    if (
      primary.endpoints.some(
        ({ address }) => address.kind === listen.kind && addressText(address) === addressText(listen),
      )
    ) {
      context.issues.push({
        code: 'custom',
        input: listener,
        message: 'the primary is the listener itself\ngive the address of the service behind it',
        path: ['primary'],
      });
    }
    if (listen.kind === 'unix' && workers !== 'auto' && workers > 1) {
      context.issues.push({
        code: 'custom',
        input: workers,
        message: 'several workers cannot share a Unix socket\nleave workers out, or listen on host:port',
        path: ['workers'],
      });
    }
    return {
      name,
      listen,
      workers: workers === 'auto' ? automaticWorkers(listen) : workers,
      primary,
      tls: listenerTls(listener.tls, primary),
      proxyProtocol,
      connections,
      idleTimeoutMs: listener.idleTimeout,
      handshakeTimeoutMs: listener.handshakeTimeout,
    };
  });
}

function automaticWorkers(listen: Address): number {
  return listen.kind === 'unix' ? 1 : Math.max(1, Math.floor(availableParallelism() / 2));
}

function listenerTls(
  tls: z.output<ReturnType<typeof listenerTlsSchema>> | undefined,
  { endpoints }: PrimarySettings,
): ListenerTls {
  if (tls === undefined) return { mode: 'off' };
  if (tls === 'passthrough') return { mode: 'passthrough' };
  const alpn = tls.alpn ?? [endpoints[0]?.protocol === 'h2c' ? 'h2' : 'http/1.1'];
  return { mode: 'terminate', ...tls, alpn };
}

/** With passthrough it is the client that speaks TLS to an `https://` primary: the relay adds none of its own. */
function untouched(primary: PrimarySettings, context: z.core.$RefinementCtx): PrimarySettings {
  const { tls } = primary;
  if (
    tls !== undefined &&
    (tls.ca ?? tls.cert ?? tls.serverName ?? (tls.verify ? undefined : false)) !== undefined
  ) {
    context.issues.push({
      code: 'custom',
      input: tls,
      message: 'with tls: passthrough the client speaks TLS to the primary, not Understudy\nleave it out',
      path: ['primary', 'tls'],
    });
  }
  return {
    ...primary,
    tls: undefined,
    endpoints: primary.endpoints.map((endpoint) => ({ ...endpoint, tls: false })),
  };
}

const DEFAULT_TLS: ClientTls = {
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  verify: true,
};

/** TLS of an endpoint: what is given, or the defaults where its URL says `https`. */
export function endpointTls(
  endpoint: Endpoint | undefined,
  tls: ClientTls | undefined,
  context: z.core.$RefinementCtx,
): ClientTls | undefined {
  if (endpoint?.tls === true) return tls ?? DEFAULT_TLS;
  if (tls !== undefined) {
    context.issues.push({
      code: 'custom',
      input: tls,
      message: 'tls is for https:// URLs\nwrite https:// in the URL, or leave tls out',
      path: ['tls'],
    });
  }
  return undefined;
}

const PRIMARY_URLS = [
  'http://orders-v1:3000',
  'https://orders:3443',
  'h2c://orders:3000',
  'unix:/run/orders.sock',
];

export function urlSchema(description: string, examples: readonly string[]): z.ZodType<Endpoint, string> {
  return text('URL', { description, examples }, parseEndpoint);
}

const DESCRIPTION =
  'The service that answers users: its URL, or a section. `http://` and `https://` (TLS to the primary), `h2c://` (HTTP/2 without TLS), `unix:/path`. The bytes of the clients are relayed as they are.';

function primarySchema(clientTls: z.ZodType<ClientTls>): z.ZodType<PrimarySettings> {
  const timing = {
    connectTimeout: duration(
      {
        description: 'Time for a connection to an endpoint; past it the next one is tried.',
        examples: ['5s'],
      },
      { min: 10, max: 300 * SECOND },
    ).prefault('5s'),
    sendProxyProtocol: choice(
      {
        description:
          'A PROXY protocol header that tells the primary the address of the client, ahead of its bytes.',
      },
      ['off', 'v1', 'v2'],
    ).prefault('off'),
    rest: duration(
      {
        description:
          'An endpoint that refused a connection, or did not answer in time, is left out for this long at first.',
        examples: ['1s'],
      },
      { min: 100, max: HOUR },
    ).prefault('1s'),
    restMax: duration(
      { description: 'The rest doubles with every further failure, up to this.', examples: ['30s'] },
      { min: 100, max: HOUR },
    ).prefault('30s'),
  };
  const full = section({
    endpoints: list(
      urlSchema('One endpoint.', PRIMARY_URLS),
      {
        description: 'URLs with the same scheme. A connection goes to the one that has the fewest.',
        examples: [['http://10.0.0.1:3000', 'http://10.0.0.2:3000']],
      },
      { min: 1, max: 256 },
    ).superRefine((endpoints, context) => {
      for (const [index, endpoint] of endpoints.entries()) {
        const message = endpointMistake(endpoint, endpoints.slice(0, index));
        if (message !== undefined) context.addIssue({ code: 'custom', message, path: [index] });
      }
    }),
    ...timing,
    tls: clientTls
      .optional()
      .meta({ description: 'How endpoints are reached over TLS; for `https://` URLs.' }),
    service: later('a provider of services; until then write endpoints'),
  }).transform((primary, context): PrimarySettings => {
    const { endpoints, sendProxyProtocol } = primary;
    if (primary.restMax < primary.rest) {
      context.issues.push({
        code: 'custom',
        input: primary,
        message: 'restMax is less than rest\nit is what rest grows to',
        path: ['restMax'],
      });
    }
    return {
      endpoints,
      connectTimeoutMs: primary.connectTimeout,
      sendProxyProtocol,
      restMs: primary.rest,
      restMaxMs: primary.restMax,
      tls: endpointTls(endpoints[0], primary.tls, context),
    };
  });
  const short = urlSchema(DESCRIPTION, PRIMARY_URLS).transform((endpoint) =>
    full.parse({ endpoints: [endpoint.url] }),
  );
  return z
    .union([short, full], {
      error: ({ input }) =>
        `${input === undefined ? 'is missing: ' : ''}a URL or a section is wanted${input === undefined ? '' : `, this is ${typeText(input)}`}\nwrite it like http://orders-v1:3000`,
    })
    .meta({ description: DESCRIPTION });
}

function endpointMistake(endpoint: Endpoint, before: readonly Endpoint[]): string | undefined {
  const [first] = before;
  if (first === undefined) return undefined;
  if (schemeOf(first) !== schemeOf(endpoint)) {
    return `the endpoints of a primary have one scheme, and the first one is ${schemeOf(first)}\nany of them may get any connection`;
  }
  const twice = before.some(({ address }) => addressText(address) === addressText(endpoint.address));
  return twice ? `${endpoint.url} is here a second time\nleave it out` : undefined;
}

function schemeOf({ url }: Endpoint): string {
  return url.slice(0, url.indexOf(':'));
}
