var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
// Refusals go to the caller's ack.
import { Catch } from '@nestjs/common';
let ErrorsFilter = class ErrorsFilter {
    catch(error, host) {
        const answer = { error: { code: error.message } };
        const ack = host.getArgs().find(argument => typeof argument === 'function');
        if (ack)
            ack(answer);
        else
            host.switchToWs().getClient().emit('ERROR', answer.error);
    }
};
ErrorsFilter = __decorate([
    Catch()
], ErrorsFilter);
export { ErrorsFilter };
