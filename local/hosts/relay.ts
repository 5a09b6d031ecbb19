import { connect, createServer } from 'node:net';

// relay.ts SOCKET ADDRESS PORT: what connects to the address, in the network that this runs in, gets what listens on the socket, which
// any network of this machine can reach by its path. Ends with its standard input.
const [socket = '', address = '', port = ''] = process.argv.slice(2);

createServer((client) => {
  const server = connect(socket);
  client.pipe(server).pipe(client);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const)
    one.on('error', () => other.destroy());
}).listen(Number(port), address, () => console.log('ready'));
process.stdin.resume().on('end', () => process.exit());
