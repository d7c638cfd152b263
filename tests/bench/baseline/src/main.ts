// Starts one process; with REDIS_URL its rooms reach over all processes.
import 'reflect-metadata'
import { type INestApplication, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { IoAdapter } from '@nestjs/platform-socket.io'
import { createAdapter } from '@socket.io/redis-adapter'
import { createClient } from 'redis'
import type { Server, ServerOptions } from 'socket.io'
import { ChatGateway } from './chat.gateway.js'
import { Database } from './database.js'
import { RbacGuard } from './rbac.guard.js'

@Module({ providers: [Database, RbacGuard, ChatGateway] })
class AppModule {}

class RedisIoAdapter extends IoAdapter {
  private constructor(app: INestApplication, private readonly adapter: ReturnType<typeof createAdapter>) {
    super(app)
  }

  static async connect(app: INestApplication, url: string) {
    const publisher = createClient({ url })
    const subscriber = publisher.duplicate()
    await Promise.all([publisher.connect(), subscriber.connect()])
    return new RedisIoAdapter(app, createAdapter(publisher, subscriber))
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const server: Server = super.createIOServer(port, options)
    server.adapter(this.adapter)
    return server
  }
}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
if (process.env.REDIS_URL) app.useWebSocketAdapter(await RedisIoAdapter.connect(app, process.env.REDIS_URL))
else app.useWebSocketAdapter(new IoAdapter(app))
app.enableShutdownHooks()
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
console.log('ready')
