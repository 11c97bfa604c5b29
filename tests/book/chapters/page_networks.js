// Compute in Node what a page computes: node page_networks.js FOLDER, a question as JSON on the input, the
// answer as JSON on the output.
const fs = require("fs"), path = require("path"), vm = require("vm");

const folder = process.argv[2];
for (const name of ["engine.js", "sound.js", "recurrent.js"]) {
  const file = path.join(folder, name);
  if (fs.existsSync(file)) vm.runInThisContext(fs.readFileSync(file, "utf8"), { filename: file });
}
const { engine, sound, recurrent } = globalThis.EarwitnessNetworks;
const list = (values) => Array.from(values);
const value = ({ data, shape }) => ({ data: Float32Array.from(data), shape });

const ANSWERS = {
  spectrogram: ({ samples, kind }) => sound[kind](Float32Array.from(samples)),
  stretch: ({ samples, length }) => sound.loudestStretch(Float32Array.from(samples), length),
  filtered: ({ samples, gains }) => sound.filtered(Float32Array.from(samples), gains, sound.DIGITS),
  network: ({ network, input, wanted, against, rules }) => {
    const layers = engine.assemble(network), values = engine.run(layers, value(input));
    return { output: values.at(-1).data, relevance: engine.relevance(layers, values, wanted, against, rules) };
  },
  untrained: ({ network, seed }) => {
    const layers = engine.untrained(engine.assemble(network), seed);
    return layers.filter((layer) => layer.weight).map((layer) => layer.weight);
  },
  quality: ({ network, samples, frames }) => recurrent.judge(recurrent.assemble(network), sound.quality(Float32Array.from(samples))),
};
const { ask, ...question } = JSON.parse(fs.readFileSync(0, "utf8"));
const plain = (key, held) => (ArrayBuffer.isView(held) ? list(held) : held);
process.stdout.write(JSON.stringify(ANSWERS[ask](question), plain));
