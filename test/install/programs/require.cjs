// Compares what `require` gives with what `import` gives, name by name, and prints it as JSON.
const ENTRIES = ['wg-ts', 'wg-ts/protocol'];

async function compare(entry) {
  const required = require(entry);
  const imported = await import(entry);
  const names = Object.keys(imported).filter(
    (name) => name !== 'default' && name !== 'module.exports',
  );
  return { entry, names, different: names.filter((name) => required[name] !== imported[name]) };
}

void Promise.all(ENTRIES.map(compare)).then((compared) => console.log(JSON.stringify(compared)));
