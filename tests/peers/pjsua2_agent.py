"""A user agent on PJSUA2, driven line by line: JSON commands on standard input, JSON events on standard output.

It plays a tone into every call and measures what it hears. One call at a time; an incoming one rings and is answered.
"""

import argparse
import json
import os
import select

import pjsua2 as pj

TONE_HZ = 440
POLL_MS = 10


def say(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Call(pj.Call):
    def __init__(self, agent, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(agent.account, call_id)
        self.agent = agent
        self.loudest = 0

    def onCallState(self, prm):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            say("ended", code=info.lastStatusCode, reason=info.lastReason)
            self.agent.call = None
        else:
            say("state", state=info.stateText, code=info.lastStatusCode)

    def onCallMediaState(self, prm):
        info = self.getInfo()  # owns what is read of it below
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
                self.listen(index)
            say("media", status=STATUSES.get(media.status, str(media.status)), codec=self.codec(index))

    def listen(self, index):
        audio = self.getAudioMedia(index)
        self.agent.tone.startTransmit(audio)
        audio.startTransmit(self.agent.endpoint.audDevManager().getPlaybackDevMedia())

    def codec(self, index):
        try:
            return self.getStreamInfo(index).codecName
        except pj.Error:
            return None

    def onDtmfDigit(self, prm):
        by = "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rfc4733"
        say("digit", digit=prm.digit, by=by)

    def hear(self):
        try:
            self.loudest = max(self.loudest, self.getAudioMedia(-1).getRxLevel())
        except pj.Error:
            pass  # on hold, or not begun yet


TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}

# Reliable provisional responses (RFC 3262).
RELIABLE = {"off": pj.PJSUA_100REL_NOT_USED, "required": pj.PJSUA_100REL_MANDATORY}

# By address 0.0.0.0, or by direction (RFC 3264 section 8.4).
HOLDS = {"address": pj.PJSUA_CALL_HOLD_TYPE_RFC2543, "direction": pj.PJSUA_CALL_HOLD_TYPE_RFC3264}

STATUSES = {
    pj.PJSUA_CALL_MEDIA_NONE: "none",
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local_hold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote_hold",
    pj.PJSUA_CALL_MEDIA_ERROR: "error",
}


class Account(pj.Account):
    def __init__(self, agent):
        super().__init__()
        self.agent = agent

    def onRegState(self, prm):
        say("registration", code=prm.code, expires=prm.expiration)

    def onIncomingCall(self, prm):
        call = Call(self.agent, prm.callId)
        if self.agent.call:
            call.answer(code(486))
            return
        self.agent.call = call
        call.answer(code(180))
        say("incoming", number=call.getInfo().localUri)
        self.agent.ringing = True


def code(status):
    prm = pj.CallOpParam(True)
    prm.statusCode = status
    return prm


class Agent:
    def __init__(self, options):
        self.options = options
        self.call = None
        self.ringing = False
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(endpoint_config())
        self.choose(options.codecs.split(","))
        self.open_transport()
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(8000, 1)
        self.tone.play(pj.ToneDescVector([tone()]), True)
        self.account = Account(self)
        self.account.create(account_config(options))

    def open_transport(self):
        config = pj.TransportConfig()
        config.port = self.options.port
        config.boundAddress = self.options.address
        if self.options.transport == "tls":
            tls = config.tlsConfig
            tls.certFile, tls.privKeyFile = self.options.certificate, self.options.key
            tls.CaListFile = self.options.authority
            tls.verifyServer = tls.verifyClient = tls.requireClientCert = True
        self.endpoint.transportCreate(TRANSPORTS[self.options.transport], config)

    def choose(self, codecs):
        """Offers these codecs, the first one first, and no other."""
        priorities = {name: 255 - place for place, name in enumerate(codecs)}
        for known in self.endpoint.codecEnum2():
            name = known.codecId.split("/")[0]
            self.endpoint.codecSetPriority(known.codecId, priorities.get(name, 0))

    def obey(self, command):
        do = command.pop("do")
        if do == "call":
            self.call = Call(self)
            self.call.makeCall(command["uri"], pj.CallOpParam(True))
        elif do == "hold":
            self.call.setHold(pj.CallOpParam(True))
        elif do == "resume":
            prm = pj.CallOpParam(True)
            prm.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.call.reinvite(prm)
        elif do == "change":
            self.choose(command["codecs"])
            self.call.reinvite(pj.CallOpParam(True))
        elif do == "dial":
            prm = pj.CallSendDtmfParam()
            by_info = command["by"] == "info"
            prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if by_info else pj.PJSUA_DTMF_METHOD_RFC2833
            prm.digits = command["digits"]
            self.call.sendDtmf(prm)
        elif do == "measure":
            self.measure()
        elif do == "hang_up":
            self.call.hangup(pj.CallOpParam(True))
        else:
            raise ValueError(do)

    def measure(self):
        """What the call has sent and heard since it was measured last."""
        statistics = self.call.getStreamStat(0)
        rtcp = statistics.rtcp
        heard, self.call.loudest = self.call.loudest, 0
        say("measured", sent=rtcp.txStat.pkt, received=rtcp.rxStat.pkt, lost=rtcp.rxStat.loss, loudest=heard)

    def run(self):
        say("ready")
        begun = b""
        while True:
            self.endpoint.libHandleEvents(POLL_MS)
            if self.ringing:
                self.ringing = False
                self.call.answer(code(200))
            if self.call:
                self.call.hear()
            if select.select([0], [], [], 0)[0]:
                read = os.read(0, 65536)
                if not read:
                    return
                *lines, begun = (begun + read).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))


def endpoint_config():
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = 5
    config.logConfig.consoleLevel = 0
    config.logConfig.filename = "pjsua.log"
    config.medConfig.noVad = True
    return config


def account_config(options):
    config = pj.AccountConfig()
    config.idUri = f"sip:+442079460000@{options.address}:{options.port};transport={options.transport}"
    if options.registrar:
        config.idUri = f"sip:{options.user}@{options.registrar}"
        config.regConfig.registrarUri = f"sip:{options.registrar};transport={options.transport}"
        config.regConfig.timeoutSec = 120
        credentials = pj.AuthCredInfo("digest", "*", options.user, 0, options.password)
        config.sipConfig.authCreds.append(credentials)
    media = config.mediaConfig.transportConfig
    media.boundAddress = options.address
    media.publicAddress = options.address
    media.port = options.media_port
    # It would send an UPDATE of its own after each answer, and then refuse to do what it is told.
    config.mediaConfig.lockCodecEnabled = False
    config.callConfig.prackUse = RELIABLE[options.reliable]
    config.callConfig.holdType = HOLDS[options.hold]
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
    config.callConfig.timerMinSESec = 90
    config.callConfig.timerSessExpiresSec = options.session_timer
    return config


def tone():
    tone = pj.ToneDesc()
    tone.freq1, tone.freq2 = TONE_HZ, 0
    tone.on_msec, tone.off_msec = 1000, 0
    return tone


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=5060)
    parser.add_argument("--media-port", type=int, default=7000)
    parser.add_argument("--transport", choices=TRANSPORTS, default="udp")
    for file in ["certificate", "key", "authority"]:
        parser.add_argument(f"--{file}")
    for registration in ["registrar", "user", "password"]:
        parser.add_argument(f"--{registration}")
    parser.add_argument("--codecs", default="PCMA,PCMU")
    parser.add_argument("--hold", choices=HOLDS, default="direction")
    parser.add_argument("--reliable", choices=RELIABLE, default="off")
    parser.add_argument("--session-timer", type=int, default=1800)
    Agent(parser.parse_args()).run()
    # PJSIP takes its own end from Python's garbage collector badly.
    os._exit(0)


if __name__ == "__main__":
    main()
