// The gateway: authenticates in a middleware, keeps rooms, acks after the commit.
import { Inject, UseFilters, UseGuards, UsePipes, ValidationPipe } from '@nestjs/common'
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets'
import jwt from 'jsonwebtoken'
import { Server, Socket } from 'socket.io'
import { Database } from './database.js'
import { ErrorsFilter } from './errors.filter.js'
import { RoomPayload, SendMessagePayload } from './payloads.js'
import { RbacGuard, Requires } from './rbac.guard.js'

const secret = process.env.BELFRY_JWT_SECRET ?? ''

@WebSocketGateway({ transports: ['websocket'], perMessageDeflate: false })
@UseFilters(ErrorsFilter)
@UseGuards(RbacGuard)
@UsePipes(new ValidationPipe({ whitelist: true }))
export class ChatGateway implements OnGatewayInit, OnGatewayConnection {
  @WebSocketServer()
  server!: Server

  constructor(@Inject(Database) private readonly database: Database) {}

  afterInit(server: Server) {
    server.use((socket, next) => {
      try {
        const claims = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ['HS256'] }) as jwt.JwtPayload
        socket.data.user = { id: claims.sub, username: claims.username }
        next()
      } catch {
        next(new Error('UNAUTHENTICATED'))
      }
    })
  }

  handleConnection(client: Socket) {
    client.emit('CONNECTION_SUCCESS', { message: 'Connected', user: client.data.user, sessionId: client.id })
  }

  @SubscribeMessage('JOIN_ROOM')
  @Requires('VIEW_ROOM')
  async join(@ConnectedSocket() client: Socket, @MessageBody() { roomId }: RoomPayload) {
    await client.join(roomId)
    return { room: { id: roomId } }
  }

  @SubscribeMessage('SEND_MESSAGE')
  @Requires('SEND_MESSAGE')
  async send(@ConnectedSocket() client: Socket, @MessageBody() payload: SendMessagePayload) {
    const { id: authorId, username: authorName } = client.data.user
    const { roomId, content, clientId } = payload
    const row = await this.database.insertMessage(roomId, authorId, content, clientId ?? null)
    const message = { id: row.id, roomId, authorId, authorName, content, clientId, createdAt: row.created_at }
    this.server.to(roomId).emit('MESSAGE_CREATED', { message })
    return { message }
  }

  @SubscribeMessage('TYPING_START')
  start(@ConnectedSocket() client: Socket, @MessageBody() { roomId }: RoomPayload) {
    return this.typing(client, roomId, true)
  }

  @SubscribeMessage('TYPING_STOP')
  stop(@ConnectedSocket() client: Socket, @MessageBody() { roomId }: RoomPayload) {
    return this.typing(client, roomId, false)
  }

  private typing(client: Socket, roomId: string, isTyping: boolean) {
    if (!client.rooms.has(roomId)) return { error: { code: 'PERMISSION_DENIED' } }
    const { id: userId, username } = client.data.user
    client.to(roomId).emit('USER_TYPING', { roomId, userId, username, isTyping })
    return {}
  }
}
