import { tsImport } from 'tsx/esm/api';

// A worker of this folder, run from its sources. Piscina would load them by require(), as tsx has it: as CommonJS, in which every access to
// an imported name goes through its module, and the interpreter takes three times as long.
const { default: work } = await tsImport(`./${process.argv[2]}.ts`, import.meta.url);
export default work;
