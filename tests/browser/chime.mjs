// Makes runtime-smol/web/chime.wav: two soft strokes of a bell, 0.7 s. `node tests/browser/chime.mjs FILE`; the browser tests check that the file is what this makes.
import { writeFileSync } from "node:fs";

const RATE = 11025;
const STROKES = [[0, 784], [0.16, 1174.7]];
const PARTIALS = [[1, 0.6], [2, 0.22], [3.01, 0.1]];

export function chime() {
  const samples = Math.round(RATE * 0.7);
  const wav = Buffer.alloc(44 + samples * 2);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let n = 0; n < samples; n++) {
    let sum = 0;
    for (const [begin, pitch] of STROKES) {
      const t = n / RATE - begin;
      if (t < 0) continue;
      for (const [partial, loud] of PARTIALS) sum += loud * Math.min(1, t * 200) * Math.exp(-t * (5 + partial * 1.6)) * Math.sin(2 * Math.PI * pitch * partial * t);
    }
    // The last tenth fades to nothing. In steps of 64: nobody hears it, and it packs well.
    const fade = Math.min(1, (samples - n) / (samples / 10));
    wav.writeInt16LE(Math.round(sum * fade * 0.62 * 32767 / 64) * 64, 44 + n * 2);
  }
  return wav;
}

if (process.argv[2]) writeFileSync(process.argv[2], chime());
