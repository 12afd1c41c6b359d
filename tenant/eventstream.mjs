// Frames of application/vnd.amazon.eventstream, by AWS's own codec.
import { EventStreamCodec } from '@smithy/eventstream-codec';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const codec = new EventStreamCodec((bytes) => decoder.decode(bytes), (text) => encoder.encode(text));
const text = (value) => ({ type: 'string', value });

export const event = (type, body) => Buffer.from(codec.encode({
  headers: { ':event-type': text(type), ':content-type': text('application/json'), ':message-type': text('event') }, body: encoder.encode(JSON.stringify(body)),
}));
export const exception = (type, message) => Buffer.from(codec.encode({
  headers: { ':exception-type': text(type), ':content-type': text('application/json'), ':message-type': text('exception') }, body: encoder.encode(JSON.stringify({ message })),
}));
export const streamError = (code, message) => Buffer.from(codec.encode({
  headers: { ':message-type': text('error'), ':error-code': text(code), ':error-message': text(message) }, body: new Uint8Array(0),
}));
export const chunk = (string, attribution) => event('chunk', { bytes: Buffer.from(string).toString('base64'), ...(attribution ? { attribution } : {}) });
