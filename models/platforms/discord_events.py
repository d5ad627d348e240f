"""What Discord's gateway sends in which nobody says anything, and what else is known of its numbers.

A number or a name that is not here is unknown: counted and seen, so that a new kind of message is noticed.
"""

#: Types of messages that somebody wrote.
DEFAULT, REPLY, SLASH_ANSWER, MENU_ANSWER = 0, 19, 20, 23
VISIBLE_TYPES = frozenset({DEFAULT, REPLY, SLASH_ANSWER, MENU_ANSWER})
#: Types that the platform writes: calls, names, pins, joins, boosts, threads, automod, results of polls …
SYSTEM_TYPES = frozenset(
    {*range(1, 13), *range(14, 19), 21, 22, *range(24, 30), 31, 32, *range(36, 40), 44, 46}
)

#: Payloads between gateway and client, which are no dispatch (0).
OPCODES = frozenset({1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 31, 43})


def _events(name: str, *ends: str) -> set[str]:
    return {f"{name}_{end}" for end in ends}


_CHANGES = ("CREATE", "UPDATE", "DELETE")
#: Dispatches in which nobody says anything.
SILENT_EVENTS = frozenset(
    {"READY", "RESUMED", "RATE_LIMITED", "TYPING_START", "INTERACTION_CREATE", "SOUNDBOARD_SOUNDS"}
    | _events("APPLICATION_COMMAND_PERMISSIONS", "UPDATE")
    | _events("AUTO_MODERATION_RULE", *_CHANGES)
    | _events("AUTO_MODERATION_ACTION", "EXECUTION")
    | _events("CHANNEL", *_CHANGES, "INFO", "PINS_UPDATE", "TOPIC_UPDATE")
    | _events("THREAD", "DELETE", "MEMBER_UPDATE", "MEMBERS_UPDATE")
    | _events("ENTITLEMENT", *_CHANGES)
    | _events("GUILD", "UPDATE", "DELETE", "AUDIT_LOG_ENTRY_CREATE", "BAN_ADD", "BAN_REMOVE")
    | _events("GUILD", "EMOJIS_UPDATE", "STICKERS_UPDATE", "INTEGRATIONS_UPDATE")
    | _events("GUILD", "MEMBER_UPDATE", "MEMBERS_CHUNK", "JOIN_REQUEST_UPDATE", "JOIN_REQUEST_DELETE")
    | _events("GUILD_ROLE", *_CHANGES)
    | _events("GUILD_SCHEDULED_EVENT", *_CHANGES, "USER_ADD", "USER_REMOVE")
    | _events("GUILD_SOUNDBOARD", "SOUND_CREATE", "SOUND_UPDATE", "SOUND_DELETE", "SOUNDS_UPDATE")
    | _events("INTEGRATION", *_CHANGES)
    | _events("INVITE", "CREATE", "DELETE")
    | _events("MESSAGE_REACTION", "ADD", "REMOVE", "REMOVE_ALL", "REMOVE_EMOJI")
    | _events("MESSAGE_POLL_VOTE", "ADD", "REMOVE")
    | _events("PRESENCE", "UPDATE")
    | _events("STAGE_INSTANCE", *_CHANGES)
    | _events("SUBSCRIPTION", *_CHANGES)
    | _events("USER", "UPDATE")
    | _events("VOICE", "CHANNEL_EFFECT_SEND", "STATE_UPDATE", "SERVER_UPDATE")
    | _events("VOICE_CHANNEL", "STATUS_UPDATE", "START_TIME_UPDATE")
    | _events("WEBHOOKS", "UPDATE")
)
