// Asks PostgreSQL for each event that needs a right, so that a revoked role counts at once.
import { type CanActivate, type ExecutionContext, Inject, Injectable, SetMetadata } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import { WsException } from '@nestjs/websockets'
import { Database } from './database.js'

export const Requires = (action: string) => SetMetadata('action', action)

@Injectable()
export class RbacGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(Database) private readonly database: Database,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const action = this.reflector.get<string | undefined>('action', context.getHandler())
    if (!action) return true
    const ws = context.switchToWs()
    const { user } = ws.getClient().data
    const { roomId } = ws.getData()
    if (typeof roomId === 'string' && (await this.database.isAllowed(user.id, roomId, action))) return true
    throw new WsException('PERMISSION_DENIED')
  }
}
