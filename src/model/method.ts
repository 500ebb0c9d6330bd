/** Whether a method is safe: it asks for nothing to be changed (RFC 9110 §9.2.1). */
export function safeMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

/** Whether a request is safe by its method, or as a call of a gRPC or Connect method that is known to change nothing. */
export function safeRequest(
  { method, path }: { readonly method: string; readonly path: string },
  safeCalls: ReadonlySet<string>,
): boolean {
  return safeMethod(method) || (method === 'POST' && safeCalls.has(path));
}
