/** Whether a method is safe: it asks for nothing to be changed (RFC 9110 §9.2.1). */
export function safeMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}
