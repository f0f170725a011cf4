import { connect } from 'node:net';

/** Says something to this machine byte for byte, and gives all that it answers until it closes the connection. */
export async function say(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let answer = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(text, 'latin1')));
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.on('close', () => resolve(answer));
  socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
  return promise;
}
