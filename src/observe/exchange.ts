import type {
  Connection,
  Exchange,
  ExchangeTimes,
  IncompleteReason,
  RequestHead,
  ResponseHead,
} from '../model/exchange.ts';

/** How long a body is, as its head announces it. */
export type BodyLength = 'none' | 'chunked' | number;

/** An exchange while its bytes pass. */
export class LiveExchange implements Exchange {
  readonly id: string;
  readonly connection: Connection;
  readonly request: RequestHead;
  readonly requestBody: BodyLength;
  response: ResponseHead | undefined = undefined;
  responseTrailers: Exchange['responseTrailers'] = undefined;
  readonly times: ExchangeTimes = { requestStart: 0, requestEnd: 0, responseStart: 0, responseEnd: 0 };
  /** What it holds of memory while it waits for its answer, bytes. */
  readonly heldBytes: number;
  requestBodyBytes = 0;
  responseBodyBytes = 0;
  incomplete: IncompleteReason | undefined = undefined;
  requestDone = false;
  responseDone = false;
  /** Whether anybody wants the bodies; what nobody wants is not even taped. */
  followRequest = false;
  followResponse = false;
  /** What the sink keeps with the exchange. */
  attachment: object | undefined = undefined;

  constructor(
    id: string,
    connection: Connection,
    request: RequestHead,
    requestBody: BodyLength,
    heldBytes: number,
  ) {
    this.id = id;
    this.connection = connection;
    this.request = request;
    this.requestBody = requestBody;
    this.heldBytes = heldBytes;
  }
}

/** Where exchanges go while they happen. Body chunks are views, valid during the call only. */
export interface ExchangeSink {
  /** A request's head is whole. Sets `followRequest` and `followResponse` when it wants the bodies. */
  request(exchange: LiveExchange): void;
  /** Of a WebSocket connection a message, as a record; they come after `requestEnd`. The answer's likewise. */
  requestBody(exchange: LiveExchange, chunk: Uint8Array): void;
  /** Bytes of the body were lost, so that it cannot be had whole any more; or the client has taken the request back. */
  requestGap(exchange: LiveExchange): void;
  requestEnd(exchange: LiveExchange, trailers: readonly (readonly [string, string])[] | undefined): void;
  response(exchange: LiveExchange): void;
  responseBody(exchange: LiveExchange, chunk: Uint8Array): void;
  /** The exchange is over: whole, or `incomplete` says why not. Called once for every `request`. */
  done(exchange: LiveExchange): void;
  /** Something came that may be a request but whose framing is open to more than one reading, so there is no exchange. */
  ambiguous(connection: Connection, detail: string): void;
  /** A request is passed over, as there is no time for it; there is no exchange. */
  shed(): void;
}
