/** What the tests share that run programs of their own. */
import { describeSystem, type Need, type Plane } from '../../netns/support/requirements.js';

export { LIBRARY } from '../../netns/support/requirements.js';

/** The same tests on either data plane of the built library; `%s` in the name stands for it. */
export function describeOnPlanes(
  name: string,
  needs: readonly Need[],
  body: (plane: Plane) => void,
): void {
  for (const plane of ['portable', 'native'] as const) {
    const ofPlane: readonly Need[] = plane === 'native' ? ['cli', 'native'] : ['cli'];
    describeSystem(name.replace('%s', plane), [...needs, ...ofPlane], () => body(plane));
  }
}
