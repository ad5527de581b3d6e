// What the configuration file may say: names, forms, defaults, and a sentence on each for editors and people.
// How it is read, and what no schema can say, is config.ts next door.
import { GRANT_TYPES, TOKEN_ENDPOINT_AUTH_METHODS } from '@latchkey/shared'
import Type, { type Static } from 'typebox'
import { schemaForEditors } from './config-form.ts'
import { LONGEST_TOKEN_SECONDS } from './oauth/keys/signing-key-life.ts'
import { ELSEWHERE, ELSEWHERE_FALLBACKS, SIGNING_ALGORITHMS } from './oauth/records.ts'
import { DATABASE_ADDRESS } from './storage/open.ts'

const closed = { additionalProperties: false } as const
const oneOf = <T extends string>(values: readonly T[]) => Type.Union(values.map((value) => Type.Literal(value)))
const seconds = (fallback: number, least: number, most: number, description: string) =>
  Type.Integer({ default: fallback, minimum: least, maximum: most, description })

export const SecretReference = Type.Union(
  [
    Type.Object({ env: Type.String({ minLength: 1 }) }, closed),
    Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
  ],
  { description: 'a reference to a secret, {"env": "NAME"} or {"file": "/run/secrets/x"}, never the secret itself' },
)

const ApiEntry = Type.Object(
  {
    resource: Type.String({
      minLength: 1,
      description: 'The API’s resource URI (RFC 8707): the audience of its tokens.',
    }),
    scopes: Type.Record(
      Type.String(),
      Type.Union(
        [
          Type.String({ minLength: 1 }),
          Type.Record(Type.String(), Type.String({ minLength: 1 }), {
            minProperties: 1,
          }),
        ],
        {
          description:
            'a sentence, or one for each language, such as {"en": "See your library", "de": "Deine Bibliothek sehen"}',
        },
      ),
      { description: 'Each scope, with what it allows in words that a person reads before saying yes.' },
    ),
    device_scopes: Type.Optional(
      Type.Array(Type.String(), { description: 'The scopes that a device may be given; without it, all of them.' }),
    ),
    access_token_format: Type.Optional(oneOf(['jwt', 'opaque'] as const)),
    access_token_signing_alg: Type.Optional(oneOf(SIGNING_ALGORITHMS)),
    introspection_clients: Type.Optional(
      Type.Array(Type.String(), { description: 'Clients that may ask what a token of this API means (RFC 7662).' }),
    ),
  },
  closed,
)

const COLOUR = '^#[0-9a-fA-F]{6}$'
const colour = Type.String({ pattern: COLOUR, description: 'a colour such as #0f5c4c' })
const colours = (description: string) => Type.Object({ light: colour, dark: colour }, { ...closed, description })

const Theme = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 40, description: 'What stands beside the logo.' })),
    logo: Type.Optional(
      Type.String({ minLength: 1, description: 'A square SVG or PNG file; its path begins where this file is.' }),
    ),
    key: Type.Optional(
      colours('The one strong colour, #rrggbb, on light and on dark paper. Its contrast is checked at the start.'),
    ),
  },
  { ...closed, description: 'How the pages look.' },
)

const UpstreamEntry = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9-]{1,32}$', description: 'Part of its redirect address: /sign-in/with/ID.' }),
    name: Type.String({ minLength: 1, maxLength: 40, description: 'What people know it by.' }),
    issuer: Type.String({ minLength: 1, description: 'Its address, as in its metadata; https.' }),
    client_id: Type.String({ minLength: 1 }),
    client_secret: Type.Optional(SecretReference),
    token_endpoint_auth_method: Type.Optional(
      Type.Union([Type.Literal('client_secret_basic'), Type.Literal('client_secret_post')], {
        description:
          'How the secret is sent; without this, client_secret_basic where its metadata offers that, else client_secret_post.',
      }),
    ),
    scope: Type.String({ default: 'openid profile email' }),
    accounts: Type.Union([Type.Literal('create'), Type.Literal('known')], {
      default: 'known',
      description:
        'Somebody who signs in with it for the first time: gets an account of their own (create), or must link it to one they have (known).',
    }),
    email_domains: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description:
        'Domains whose addresses this provider alone gives out. A verified address of one links to the account of the same address; no other ever does.',
    }),
    trust_email: Type.Boolean({
      default: false,
      description:
        'Take its addresses as confirmed though it does not say so (email_verified): for a provider whose administrators alone set them.',
    }),
    trust_amr: Type.Boolean({
      default: false,
      description: 'Believe what it says of how somebody signed in (amr), for clients that ask for a strong sign-in.',
    }),
  },
  { ...closed, description: 'A provider of OpenID Connect that people may sign in with.' },
)

const ClientEntry = Type.Object(
  {
    client_id: Type.String({
      minLength: 1,
      maxLength: 128,
      pattern: '^[\\x21-\\x7e]+$',
      description: 'visible ASCII characters without spaces',
    }),
    client_name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    client_secret: Type.Optional(SecretReference),
    token_endpoint_auth_method: Type.Optional(oneOf(TOKEN_ENDPOINT_AUTH_METHODS)),
    grant_types: Type.Optional(Type.Array(oneOf(GRANT_TYPES), { minItems: 1 })),
    scope: Type.Optional(Type.String()),
    redirect_uris: Type.Optional(Type.Array(Type.String())),
    post_logout_redirect_uris: Type.Optional(Type.Array(Type.String())),
    jwks: Type.Optional(
      Type.Object(
        { keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1 }) },
        { ...closed, description: 'Public keys (RFC 7517), inline; two while they are changed.' },
      ),
    ),
    dpop_bound_access_tokens: Type.Optional(
      Type.Boolean({
        description: 'Bind its tokens to a key by DPoP (RFC 9449). Default: true for device clients.',
      }),
    ),
    elsewhere: Type.Optional(
      Type.Union(
        ELSEWHERE.map((policy) => Type.Literal(policy)),
        {
          description:
            'When a device and its person are on different networks: allow, warn, have a number on its screen found on the phone (match, the default), or block.',
        },
      ),
    ),
    elsewhere_fallback: Type.Optional(
      Type.Union(
        ELSEWHERE_FALLBACKS.map((fallback) => Type.Literal(fallback)),
        {
          description:
            'Under match, for devices that can show no number: the last letters of the code are typed (the default), or they are blocked.',
        },
      ),
    ),
    theme: Type.Optional(Theme),
    id_token_signed_response_alg: Type.Optional(oneOf(SIGNING_ALGORITHMS)),
    subject_type: Type.Optional(oneOf(['public', 'pairwise'] as const)),
    sector_identifier_host: Type.Optional(Type.String({ minLength: 1 })),
  },
  { ...closed, description: 'A client, in the names of RFC 7591.' },
)

export const ConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({
      default: 'Latchkey',
      minLength: 1,
      maxLength: 40,
      description: 'What people read at the top of every page.',
    }),
    issuer: Type.String({
      description:
        'The public address of this server, without a trailing slash. Default: http://localhost with the port.',
    }),
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', minLength: 1 }),
        port: Type.Integer({ default: 8080, minimum: 0, maximum: 65535 }),
        trusted_proxies: Type.Array(Type.String({ minLength: 1 }), {
          default: [],
          description: 'Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.',
        }),
      },
      { ...closed, default: {} },
    ),
    database: Type.String({
      default: 'sqlite:./data/latchkey.db',
      pattern: DATABASE_ADDRESS,
      description: 'an address such as sqlite:./data/latchkey.db',
    }),
    master_secret: Type.Optional(SecretReference),
    apis: Type.Array(ApiEntry, { default: [] }),
    clients: Type.Array(ClientEntry, { default: [] }),
    passwords: Type.Object(
      {
        reset_by_mail: Type.Boolean({
          default: true,
          description: 'Who forgot a password has a message sent and chooses another one. Needs notices.smtp.',
        }),
      },
      { ...closed, default: {} },
    ),
    acr: Type.Record(Type.String(), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }), {
      default: {},
      description:
        'Words that clients may ask for in acr_values, weakest first, each with the methods (RFC 8176) that a sign-in must have used.',
    }),
    upstreams: Type.Array(UpstreamEntry, { default: [] }),
    theme: Type.Optional(Theme),
    links: Type.Optional(
      Type.Object(
        {
          privacy: Type.Optional(Type.String({ description: 'What you keep of people, and why.' })),
          help: Type.Optional(Type.String({ description: 'Where people find you.' })),
        },
        { ...closed, description: 'Your pages, https, linked at the foot of every page.' },
      ),
    ),
    places: Type.Optional(
      Type.Object(
        {
          database: Type.String({
            minLength: 1,
            description: 'A MaxMind DB file (.mmdb) with countries. Nobody is asked over the network.',
          }),
        },
        { ...closed, description: 'Tells the country of an address. Without it pages speak of networks only.' },
      ),
    ),
    notices: Type.Optional(
      Type.Object(
        {
          smtp: Type.Optional(
            Type.Object(
              {
                url: SecretReference,
                from: Type.String({
                  minLength: 3,
                  description: 'The sender, such as Northwind <no-reply@example.com>.',
                }),
              },
              { ...closed, description: 'Mail: an address smtps://user:password@host, by reference.' },
            ),
          ),
          webhook: Type.Optional(
            Type.Object(
              {
                url: Type.String({ minLength: 1 }),
                secret: SecretReference,
              },
              {
                ...closed,
                description: 'Where notices are posted as JSON, signed; for people too when there is no mail.',
              },
            ),
          ),
          operators: Type.Array(Type.String({ minLength: 3 }), {
            default: [],
            description: 'Addresses that hear of reports.',
          }),
        },
        { ...closed, description: 'How people hear of a new device, and operators of a report.' },
      ),
    ),
    registration: Type.Optional(
      Type.Object(
        {
          enabled: Type.Boolean({ default: true, description: 'Without this section, registration is off.' }),
          scope: Type.String({ default: '', description: 'What an enrolled device may ask for, as itself.' }),
          devices_per_user: seconds(50, 1, 100_000, 'How many devices one person may own.'),
        },
        { ...closed, description: 'Devices register themselves (RFC 7591) once a person has allowed device:enroll.' },
      ),
    ),
    limits: Type.Object(
      {
        device_code_seconds: seconds(600, 60, 1800, 'How long a device and a person have for the flow.'),
        live_device_codes: seconds(
          1000,
          1,
          100_000,
          'How many codes may wait for an answer at once; one client in one network gets three fifths of them.',
        ),
        poll_interval_seconds: seconds(5, 1, 60, 'How long a device waits between two polls.'),
        waiting_devices: seconds(
          20_000,
          1,
          1_000_000,
          'How many devices may wait for news at once; one network gets a quarter.',
        ),
        user_token_seconds: seconds(
          600,
          60,
          LONGEST_TOKEN_SECONDS,
          'Life of an access token that speaks for a person.',
        ),
        client_token_seconds: seconds(
          3600,
          60,
          LONGEST_TOKEN_SECONDS,
          'Life of an access token that speaks for a client.',
        ),
        refresh_idle_days: seconds(90, 1, 3650, 'A link unused for so long ends.'),
        refresh_absolute_days: seconds(365, 1, 3650, 'A link older than this ends.'),
        refresh_grace_seconds: seconds(
          60,
          0,
          3600,
          'How long a client whose answer was lost may come back with the old refresh token.',
        ),
        refresh_bound_grace_days: seconds(
          30,
          0,
          365,
          'The same for tokens that are bound to a key: it lasts until the new one is used, or so many days.',
        ),
        signing_key_days: seconds(
          90,
          0,
          3650,
          'A signing key that has signed for so long is followed by another; 0: only by command.',
        ),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, $id: 'https://latchkey.example/latchkey.schema.json', title: 'Latchkey server configuration' },
)

/** The file as it was written, defaults filled in. */
export type RawConfig = Static<typeof ConfigSchema>
export type SecretReference = Static<typeof SecretReference>

/** What editors complete `latchkey.json` with; server/latchkey.schema.json holds it. */
export const EDITOR_SCHEMA = schemaForEditors(ConfigSchema, ['issuer'])
