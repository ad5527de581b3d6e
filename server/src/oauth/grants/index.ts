// Every way to earn tokens here; metadata and the token endpoint read this list and nothing else.
import { authorizationCode } from './authorization-code.ts'
import { clientCredentials } from './client-credentials.ts'
import { deviceCode } from './device-code.ts'
import type { Grant } from './grant.ts'
import { jwtBearer } from './jwt-bearer.ts'
import { refreshToken } from './refresh-token.ts'

export const grants: readonly Grant[] = [deviceCode, authorizationCode, refreshToken, clientCredentials, jwtBearer]
