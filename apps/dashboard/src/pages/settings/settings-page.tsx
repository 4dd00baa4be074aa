import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { settingsQuery, versionQuery } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { settingGroups, valueWords } from '../../model/settings.ts';
import { Answer } from '../../ui/answer.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';

/** What the controller is told. It is changed in its file, where a review sees it. */
export function SettingsPage() {
  if (!useMay('operator')) {
    return (
      <>
        <PageHead title="Settings" />
        <Empty title="Only an operator sees how the controller is configured." />
      </>
    );
  }
  return <Settings />;
}

function Settings() {
  const settings = useQuery(settingsQuery);
  const { data: version } = useQuery(versionQuery);
  return (
    <>
      <PageHead title="Settings">
        {version !== undefined && `Tacet ${version.version}. `}What applies, as the controller’s file and the
        defaults say. It is changed there: <span className="mono">/etc/tacet/controller.json</span>, then a
        restart.
      </PageHead>
      <Answer query={settings} lines={12}>
        {(list) => (
          <div className="guest">
            {settingGroups(list).map(({ title, settings: own }) => (
              <Panel key={title} title={title}>
                <dl className="facts facts-even">
                  {own.map(({ setting, words }) => (
                    <div key={setting.name} className="facts-row">
                      <dt>
                        {words}
                        <br />
                        <span className="mono quiet small">{setting.name}</span>
                      </dt>
                      <dd className={setting.isDefault ? 'quiet' : undefined}>
                        {valueWords(setting)}
                        {setting.isDefault && setting.value !== null && (
                          <span className="small"> (default)</span>
                        )}
                      </dd>
                    </div>
                  ))}
                </dl>
              </Panel>
            ))}
            <Panel title="Elsewhere">
              <p>
                <Link href="/nodes">Nodes and their tokens</Link> and <Link href="/schedules">schedules</Link>{' '}
                have pages of their own.
              </p>
            </Panel>
          </div>
        )}
      </Answer>
    </>
  );
}
