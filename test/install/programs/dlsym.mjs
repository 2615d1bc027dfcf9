// Prints which of the functions in the arguments the executable that runs this exports.
import koffi from 'koffi';

const executable = koffi.load(null);
const isExported = (name) => {
  try {
    executable.func(`void ${name}()`);
    return true;
  } catch {
    return false;
  }
};
console.log(JSON.stringify(process.argv.slice(2).filter(isExported)));
