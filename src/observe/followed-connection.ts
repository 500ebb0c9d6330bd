import { decodeOpenNote } from '../model/tape.ts';
import type { OpenNote } from '../model/tape.ts';
import type { Connection, SocketEnd } from '../model/exchange.ts';

/** A connection as the tape described it. The description is read when somebody asks for it. */
export class FollowedConnection implements Connection {
  readonly tap: string;
  readonly id: number;
  /** The first thing in the text, and all that most connections are asked for. */
  readonly slot: number;
  readonly #text: string;
  #note: OpenNote | undefined;

  constructor(tap: string, id: number, text: string) {
    this.tap = tap;
    this.id = id;
    this.#text = text;
    this.slot = Number.parseInt(text, 10);
  }

  get offsets(): OpenNote['offsets'] {
    return this.#read().offsets;
  }

  get source(): SocketEnd {
    const note = this.#read();
    return { ip: note.sourceIp, port: note.sourcePort };
  }

  get destination(): SocketEnd {
    const note = this.#read();
    return { ip: note.destinationIp, port: note.destinationPort };
  }

  get principal(): string | undefined {
    return this.#read().principal || undefined;
  }

  get tls(): boolean {
    return this.#read().tls;
  }

  #read(): OpenNote {
    this.#note ??= decodeOpenNote(this.#text);
    return this.#note;
  }
}
