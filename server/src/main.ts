// The command line. Each command is one function in ./commands; here are their names, options and exit codes.
import { Command, CommanderError } from 'commander'
import { auditList } from './commands/audit.ts'
import { clientAdd, clientDisable, clientList, clientRotateSecret } from './commands/clients.ts'
import { freezeLift, freezeList } from './commands/freezes.ts'
import { keysList, keysRotate } from './commands/keys.ts'
import { linkList, linkRevoke } from './commands/links.ts'
import { serve } from './commands/serve.ts'
import { CommandError, EXIT, type Terminal } from './commands/terminal.ts'
import { userAdd, userDisable, userEnable, userList, userPasswd, userResetSecondFactor } from './commands/users.ts'
import { ConfigError } from './config.ts'
import { demo } from './demo/demo.ts'

/** Runs one command; returns the exit code: 0 done, 1 failed, 2 wrong usage. `words` are those behind the program's name. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await program(terminal).parseAsync([...words], { from: 'user' })
    return EXIT.done
  } catch (error) {
    return report(error, terminal)
  }
}

function report(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (error instanceof ConfigError) {
    for (const problem of error.problems) terminal.say(`latchkey: ${problem}`)
    return EXIT.usage
  }
  terminal.say(`latchkey: ${error instanceof Error ? error.message : String(error)}`)
  return error instanceof CommandError ? error.exitCode : EXIT.failed
}

function program(terminal: Terminal): Command {
  const latchkey = new Command('latchkey')
    .description('OAuth 2.0 for screens without keyboards and boxes without people')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.say(text.trimEnd().replace(/^error: /, 'latchkey: ')),
    })
  const group = (name: string, description: string) => latchkey.command(name).description(description)
  const withConfig = (command: Command) =>
    command.option('--config <file>', 'the configuration file (else LATCHKEY_CONFIG)')
  const asJson = ['--json', 'one JSON object a line'] as const

  withConfig(latchkey.command('serve').description('start the server')).action((options) => serve(terminal, options))
  latchkey
    .command('demo')
    .description('the whole story in one terminal: server, account, API and a device that signs in')
    .action(() => demo(terminal))

  const user = group('user', 'local accounts')
  const passwordStdin = ['--password-stdin', 'read the password from standard input'] as const
  withConfig(user.command('add <email>').description('add an account; its id goes to stdout'))
    .option('--name <name>', 'how the pages greet this person')
    .option('--admin', 'may operate the fleet')
    .option(...passwordStdin)
    .action((email, options) => userAdd(terminal, email, options))
  withConfig(user.command('list').description('list accounts'))
    .option(...asJson)
    .action((options) => userList(terminal, options))
  withConfig(user.command('disable <email>').description('no sign-in, no tokens')).action((email, options) =>
    userDisable(terminal, email, options),
  )
  withConfig(user.command('enable <email>').description('undo disable')).action((email, options) =>
    userEnable(terminal, email, options),
  )
  withConfig(user.command('passwd <email>').description('set a new password'))
    .option(...passwordStdin)
    .action((email, options) => userPasswd(terminal, email, options))
  withConfig(
    user
      .command('reset-second-factor <email>')
      .description('for a lost phone: no code is asked for after the password'),
  ).action((email, options) => userResetSecondFactor(terminal, email, options))

  const client = group('client', 'clients kept in the database')
  withConfig(client.command('add <client-id>').description('add a client; its secret, if it has one, goes to stdout'))
    .option('--name <name>', 'what people read when it asks')
    .option('--auth <method>', 'none, client_secret_basic, client_secret_post or private_key_jwt')
    .option('--grant <types...>', 'device_code, authorization_code, refresh_token, client_credentials, jwt_bearer')
    .option('--scope <scopes>', 'what it may ask for, separated by spaces')
    .option('--redirect-uri <uris...>', 'where answers may be sent, for authorization_code')
    .option('--jwks <file>', 'its public keys, for private_key_jwt')
    .option(
      '--elsewhere <policy>',
      'device and person on different networks: allow, warn, match (the default) or block',
    )
    .option('--elsewhere-fallback <rule>', 'match where a device shows no number: letters of the code, or block')
    .option('--dpop', 'bind its tokens to a key (the default for device clients)')
    .option('--no-dpop', 'plain bearer tokens')
    .action((clientId, options) => clientAdd(terminal, clientId, options))
  withConfig(client.command('list').description('list all clients'))
    .option(...asJson)
    .action((options) => clientList(terminal, options))
  withConfig(client.command('disable <client-id>').description('no tokens any more')).action((clientId, options) =>
    clientDisable(terminal, clientId, options),
  )
  withConfig(client.command('rotate-secret <client-id>').description('make a new secret; it goes to stdout')).action(
    (clientId, options) => clientRotateSecret(terminal, clientId, options),
  )

  const keys = group('keys', 'the keys that tokens are signed with')
  withConfig(keys.command('list').description('list them: kid, algorithm, state, since, until'))
    .option(...asJson)
    .action((options) => keysList(terminal, options))
  withConfig(keys.command('rotate').description('make new ones; they go to stdout'))
    .option('--alg <algorithm>', 'ES256, RS256 or EdDSA (all of them when absent)')
    .option('--now', 'emergency: they sign at once, and the old ones end at once, with their tokens')
    .action((options) => keysRotate(terminal, options))
  const link = group('link', 'what people allowed their devices')
  withConfig(link.command('list').description('list links, with those that ended'))
    .option(...asJson)
    .action((options) => linkList(terminal, options))
  withConfig(link.command('revoke [link-id]').description('end links that all conditions fit; their ids go to stdout'))
    .option('--code <code>', 'what came of this user code, within a day of it')
    .option('--client <client-id>', 'those of a client')
    .option('--user <email>', 'those of an account')
    .option('--since <time>', 'those made at or after, such as 2030-01-31T08:00Z')
    .option('--until <time>', 'those made before')
    .action((linkId, options) => linkRevoke(terminal, linkId, options))

  const freeze = group('freeze', 'where no device may begin for a while, after a report')
  withConfig(freeze.command('list').description('list them: id, what, client, where, who reported, since, until'))
    .option(...asJson)
    .action((options) => freezeList(terminal, options))
  withConfig(freeze.command('lift <freeze-id>').description('end one early')).action((freezeId, options) =>
    freezeLift(terminal, freezeId, options),
  )

  const audit = group('audit', 'what happened')
  withConfig(audit.command('list').description('list the audit trail, newest first'))
    .option('--user <email>', 'what concerns an account')
    .option('--event <event>', 'one kind of event, such as linked')
    .option('--since <time>', 'from then on, such as 2030-01-31T08:00Z')
    .option('--until <time>', 'before then')
    .option('--limit <count>', 'so many lines (100 when absent)')
    .option(...asJson)
    .action((options) => auditList(terminal, options))

  return latchkey
}
