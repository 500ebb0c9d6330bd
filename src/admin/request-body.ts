import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { ApiProblem } from './problem.ts';

/**
 * Reads and checks a JSON body. Nothing sent counts as `{}`; a body where none is expected is read and ignored.
 *
 * @throws ApiProblem 413 past the limit, 415 for another media type, 400 for what is not the expected JSON
 */
export async function readBody(
  request: IncomingMessage,
  schema: z.ZodType | undefined,
  limitBytes: number,
): Promise<unknown> {
  const text = await readText(request, limitBytes);
  if (schema === undefined) return undefined;
  if (text === '') return checked(schema, {});
  // Forms and plain text are what a page of another site may send without asking; JSON is not.
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new ApiProblem(415, 'Send JSON, with "Content-Type: application/json".');
  }
  return checked(schema, parse(text));
}

async function readText(request: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // `destroyOnReturn: false`: the refusal is still to be sent on this connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length;
    if (bytes > limitBytes) throw new ApiProblem(413, `The body is longer than ${limitBytes} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiProblem(400, 'The body is not JSON.');
  }
}

function checked(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.');
  throw new ApiProblem(400, `${where}: ${issue?.message ?? 'not as expected'}.`);
}
