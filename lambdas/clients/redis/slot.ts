/** CRC16 of each byte, XMODEM's polynomial: what a cluster divides keys by. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a cluster that a key belongs to, 0 to 16383: that of what stands in its first braces, where something does. */
export function slotOf(key: Buffer | string): number {
  const bytes = Buffer.from(key);
  const open = bytes.indexOf('{');
  const close = open < 0 ? -1 : bytes.indexOf('}', open + 1);
  const hashed = close > open + 1 ? bytes.subarray(open + 1, close) : bytes;
  return hashed.reduce((crc, byte) => ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ byte]!, 0) % 16_384;
}
