import { useState } from 'react';

const themes = ['system', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];
const key = 'tacet.theme';

export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(
    () => themes.find((one) => one === document.documentElement.dataset['theme']) ?? 'system',
  );
  const choose = (next: Theme): void => {
    setTheme(next);
    if (next === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = next;
    try {
      localStorage.setItem(key, next);
    } catch {
      // Storage is blocked: the choice lasts as long as the page.
    }
  };
  return (
    <label className="theme-switch">
      <span className="sr">Theme</span>
      <select
        value={theme}
        onChange={({ target }) => choose(themes.find((one) => one === target.value) ?? 'system')}
      >
        <option value="system">System theme</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}
