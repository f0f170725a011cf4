import { describe, expect, test } from 'vitest';
import { recorderEnvironment } from '../../src/engine/recorder-environment.ts';

const recorder = { env: { MLFLOW_TRACKING_URI: 'http://127.0.0.1:4000' } };

describe('the environment of what is recorded', () => {
  test('leads to the recorder, whatever it said before', () => {
    const env = { PATH: '/bin', MLFLOW_TRACKING_URI: 'http://team' };
    expect(recorderEnvironment(env, recorder)).toEqual({ PATH: '/bin', ...recorder.env });
  });

  test.each([
    [{ HTTP_PROXY: 'http://proxy' }, '127.0.0.1'],
    [{ https_proxy: 'http://proxy', NO_PROXY: 'a.example,b.example' }, 'a.example,b.example,127.0.0.1'],
    [{ ALL_PROXY: 'http://proxy', no_proxy: 'a.example' }, 'a.example,127.0.0.1'],
  ])('with %j goes past the proxy', (env, direct) => {
    expect(recorderEnvironment(env, recorder)).toMatchObject({ NO_PROXY: direct, no_proxy: direct });
  });
});
