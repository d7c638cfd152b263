// What clients may send.
import { IsOptional, IsString, IsUUID, Length } from 'class-validator'

export class RoomPayload {
  @IsUUID('all')
  roomId!: string
}

export class SendMessagePayload extends RoomPayload {
  @IsString()
  @Length(1, 4000)
  content!: string

  @IsOptional()
  @IsUUID('all')
  clientId?: string
}
