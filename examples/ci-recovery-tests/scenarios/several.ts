import { scenario } from 'coreback/scenario';

/** The same machine, with one to three dead cores. */
export default [1, 2, 3].map((deaths) =>
  scenario(`dead-cores-${deaths}`, `${deaths} of four cores die one after the other`, (s) => {
    s.machine({ cores: 4, seed: deaths, checkpointEvery: '100ms' });

    const counter = s.at('0s').run('count 15 20');
    s.at('0s').run('matrix 20 4');
    for (let core = 0; core < deaths; core++) s.at(`${100 + 60 * core}ms`).fail({ core });

    s.expect(counter).exits(0).counts(0, 14);
    s.expectRun().finishes().detectedWithin('40ms').deadCoresStayIdle().contractHolds();
  }),
);
