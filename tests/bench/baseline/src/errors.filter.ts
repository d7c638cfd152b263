// Refusals go to the caller's ack.
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common'

@Catch()
export class ErrorsFilter implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost) {
    const answer = { error: { code: error.message } }
    const ack = host.getArgs().find(argument => typeof argument === 'function')
    if (ack) ack(answer)
    else host.switchToWs().getClient().emit('ERROR', answer.error)
  }
}
