// What many people choose, so what every guesser tries first (NIST SP 800-63B-4 §3.1.1.2). Written down here from what
// reports on leaked passwords agree about year after year; no list was copied. Short, because a password that may stand
// alone has 15 characters: what must be caught are these words repeated, joined, numbered and spelled with digits.

/** In lower case, letters and digits only; taken out of a password wherever they stand. */
export const COMMON_PASSWORDS: readonly string[] = [
  // Words for the thing itself, and for getting in.
  ...['password', 'passwort', 'contrasena', 'motdepasse', 'senha', 'wachtwoord', 'parola', 'passphrase', 'passcode'],
  ...['secret', 'geheim', 'login', 'signin', 'letmein', 'openup', 'welcome', 'willkommen', 'bienvenue', 'bienvenido'],
  ...['admin', 'administrator', 'root', 'user', 'guest', 'default', 'changeme', 'changethis', 'temporary', 'test'],
  ...['testing', 'demo', 'access', 'master', 'account', 'private', 'nopassword', 'nothing', 'whatever', 'trustno'],
  // What is in front of everybody.
  ...['computer', 'internet', 'keyboard', 'laptop', 'iphone', 'android', 'samsung', 'google', 'facebook', 'windows'],
  ...['apple', 'microsoft', 'youtube', 'pokemon', 'minecraft', 'starwars', 'superman', 'batman', 'spiderman', 'naruto'],
  // Whom and what people love.
  ...['iloveyou', 'ilove', 'teamo', 'tequiero', 'jetaime', 'ichliebedich', 'lovely', 'lover', 'forever', 'family'],
  ...['princess', 'princesa', 'angel', 'babygirl', 'baby', 'honey', 'sunshine', 'flower', 'butterfly', 'chocolate'],
  ...[
    'football',
    'futbol',
    'baseball',
    'basketball',
    'soccer',
    'hockey',
    'liverpool',
    'chelsea',
    'arsenal',
    'barcelona',
  ],
  ...['monkey', 'dragon', 'tiger', 'shadow', 'killer', 'hunter', 'ranger', 'pepper', 'ginger', 'cookie', 'cheese'],
  ...['michael', 'jessica', 'ashley', 'daniel', 'charlie', 'jordan', 'thomas', 'nicole', 'jennifer', 'michelle'],
  ...['andrea', 'carlos', 'alexander', 'matthew', 'joshua', 'anthony', 'robert', 'george', 'mustang', 'harley'],
  ...['summer', 'winter', 'spring', 'autumn', 'january', 'december', 'monday', 'friday', 'freedom', 'qazwsx'],
  ...['zaqwsx', 'asdf', 'zxcv', 'qwer', 'blink', 'fuckyou', 'fuckoff', 'bitch', 'asshole', 'abcabc'],
  // Examples that everybody has read.
  ...['correcthorsebatterystaple', 'thisisapassword', 'mypassword', 'yourpassword', 'tobeornottobe'],
  ...['thequickbrownfoxjumpsoverthelazydog', 'maytheforcebewithyou', 'loremipsumdolorsitamet'],
]

/** What fingers run along: whole alphabets, rows of keyboards, and columns of digits. */
export const ROWS: readonly string[] = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'yxcvbnm',
  'azertyuiop',
  'qsdfghjklm',
  'wxcvbn',
  '1q2w3e4r5t6y7u8i9o0p',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm',
]
