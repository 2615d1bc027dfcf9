// How every section measures its subjects: in turn, so that other load on the machine affects all alike.
import { bringUp } from './measures.mjs';
import { inShort } from './tables.mjs';

/**
 * `measure(subject, note)` is called `repeats` times for each subject; it passes its figures to `note`.
 * Resolves to a map from each figure to the values of all repeats, by the name of the subject, and to the
 * reasons why subjects were given up. A subject that failed once is not measured again.
 */
export async function byTurns(lab, subjects, repeats, measure) {
  const results = new Map(subjects.map(({ name }) => [name, new Map()]));
  const failures = new Map();
  for (let repeat = 1; repeat <= repeats; repeat++) {
    // Alternately forwards and backwards, so that no subject always follows the same other one.
    const order = repeat % 2 === 1 ? subjects : subjects.toReversed();
    for (const subject of order.filter(({ name }) => !failures.has(name)))
      try {
        await measure(subject, (figures) => {
          const all = results.get(subject.name);
          for (const [key, value] of Object.entries(figures)) {
            all.set(key, [...(all.get(key) ?? []), value]);
            console.error(`${repeat}/${repeats} ${subject.name}: ${key} ${value.toFixed(2)}`);
          }
        });
      } catch (error) {
        failures.set(subject.name, `given up in repeat ${repeat}: ${inShort(error)}`);
        console.error(`${repeat}/${repeats} ${subject.name}: ${error.message}`);
        lab.clear();
      }
  }
  return {
    results,
    missing: [...failures].map(([name, reason]) => `${name}: ${reason}`),
  };
}

/**
 * Brings up both ends of `kind`, lets `use` measure, and takes both down again. After a failure they stay
 * up, for `Lab.clear` to end.
 */
export async function withTunnel(lab, kind, keys, options, use) {
  const tunnel = kind.prepare(lab, keys, options);
  await tunnel.up('s');
  const first = await bringUp(lab, tunnel);
  const pids = kind.isTunnel ? [lab.client, lab.server].map((end) => lab.tunnelPid(end)) : [];
  await use({ target: tunnel.target, pids, first });
  await tunnel.close();
}
