"""Every error raised on purpose, in one tree.

    EmsError
    ├── ConfigError                  a person must act; never retried
    │   ├── KeyFileError             a key is missing, unreadable or readable by others
    │   ├── ConfigRefusedError       a proposed configuration has faults; they are in the context
    │   └── ConfigMovedError         another version is in force than the one looked at
    ├── ContractError                a peer broke the contract; dropped and counted
    │   └── SignatureError           the bytes were not signed by the key they name
    ├── DeviceError                  one device fails, the others go on
    │   ├── DeviceUnreachableError   no answer or no link; retried with back-off
    │   │   └── NoLinkError          the way to it does not open: nothing was sent
    │   ├── DeviceRefusedError       the device answered "no" (exception code, error, status)
    │   ├── BadAnswerError           an answer that does not fit the question; dropped
    │   └── PointUnreadableError     the device answered, but not with this point
    ├── BusError                     the bus refused or is away; the journal keeps the data
    ├── StoreError                   the store cannot take or give data; the bus keeps it
    │   ├── StoreLockedError         another process holds the state folder
    │   ├── StoreDeniedError         the server answers, but lets nobody in with this token or name
    │   ├── LinesRefusedError        the server will never take these lines; they are kept apart
    │   ├── HaltedError              a portion of work was given up because the process ends
    │   ├── EnoughReadError          enough of an archive was read; nobody sees it
    │   ├── DamagedPartError         a sealed file is not what was written; it is kept aside
    │   └── TamperedError            rows that are only ever added were changed, taken out or put in
    ├── NotToldError                 a message to the outside was not taken; `again` says whether to try
    ├── BusyError                    too many ask at once; `wait_s` in the context says when to ask again
    ├── NobodyWaitsError             those who asked went away; the work for them was given up
    ├── ReportError                  a report that cannot be made; `zh` in the context says it in Chinese
    ├── ForecastError                no forecast could be made; plans go on with similar days
    ├── AddressRefusedError          the hub may not connect there; `zh` in the context says it in Chinese
    ├── AccessError                  a person may not do this (now)
    │   ├── NotSignedInError         no token, or one that is not good (any more)
    │   │   └── SecondFactorError    the password is right, the code of the second factor is missing or wrong
    │   ├── ProviderError            the provider of identities does not answer as it should
    │   ├── TooManyGuessesError      wait before the next password; `wait_s` says how long
    │   ├── OrderRefusedError        an order of a person that is not taken; `code` says why
    │   └── JoinRefusedError         a join token that is unknown, over, or used by another box
    ├── HubAwayError                 the hub of a client does not answer, or says "later" too often
    ├── HubRefusedError              the hub of a client says no; `status` and `code` are in the context
    └── SolveError                   no plan that may be used; the last good plan stays in force; `zh` in the
        │                            context says it in Chinese, `limits` which declared limits conflict
        └── WorseThanOwnControlError there is one, and the machines' own control is better

Subclasses add no `__init__`: that keeps every error picklable, so that it
survives a process pool with its message and its context.
"""

from __future__ import annotations

from typing import ClassVar, Final

from typing_extensions import override

_FOR_PEOPLE: Final = frozenset({"zh", "limits"})


class EmsError(Exception):
    """Root of the tree.

    Attributes:
        retry: Whether the same call may succeed later with nothing changed.
        context: Where it happened, ready to be log fields; `zh` and `limits` in it are for people, the
            message in Chinese and the limits it is about: they are not part of `str`.
    """

    retry: ClassVar[bool] = False

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.context = context

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), str(self.args[0]), self.context))

    @override
    def __str__(self) -> str:
        shown = ((key, value) for key, value in self.context.items() if key not in _FOR_PEOPLE)
        where = " ".join(f"{key}={value}" for key, value in shown)
        return f"{self.args[0]} [{where}]" if where else str(self.args[0])


def _rebuild(kind: type[EmsError], message: str, context: dict[str, object]) -> EmsError:
    return kind(message, **context)


class ConfigError(EmsError):
    """The configuration contradicts itself or the plant; the message says where and what to do."""


class KeyFileError(ConfigError):
    """A key file is missing, unreadable or open to other users."""


class ConfigRefusedError(ConfigError):
    """A proposed configuration has faults, told one by one in the context; nothing was changed."""


class ConfigMovedError(ConfigError):
    """Another version came into force since the one that was looked at; nothing was changed."""


class ContractError(EmsError):
    """A message does not follow the contract it claims."""


class SignatureError(ContractError):
    """The signature does not match, or the key is unknown or revoked."""


class DeviceError(EmsError):
    """One device cannot be read or commanded."""


class DeviceUnreachableError(DeviceError):
    """No answer in time, or the link is down."""

    retry = True


class NoLinkError(DeviceUnreachableError):
    """Nobody answers at the address, or the port cannot be opened: nothing was sent."""


class DeviceRefusedError(DeviceError):
    """The device answered with a refusal of its protocol."""


class BadAnswerError(DeviceError):
    """The answer has another length, unit, function or identity than the question asked for."""

    retry = True


class PointUnreadableError(DeviceError):
    """The device answered, but not with this point."""


class BusError(EmsError):
    """The bus refused a message or cannot be reached."""

    retry = True


class StoreError(EmsError):
    """The store cannot take or give data now."""

    retry = True


class StoreLockedError(StoreError):
    """Another process holds the lock on the state folder."""

    retry = False


class StoreDeniedError(StoreError):
    """The server answers, but not to this token, organisation or bucket: a person has to do something."""


class LinesRefusedError(StoreError):
    """The server will never take these lines; the message is its own."""


class DamagedPartError(StoreError):
    """A sealed file that cannot be read; the others answer."""

    retry = False


class TamperedError(StoreError):
    """Rows that are only ever added are not what was written: a person has to look, nothing is retried."""

    retry = False


class NotToldError(EmsError):
    """A server did not take a message; `again` in the context: it may later, `left`: who is without it."""


class HubAwayError(EmsError):
    """The hub does not answer a client, says "later" too often, or broke an answer off."""

    retry = True


class HubRefusedError(EmsError):
    """The hub says no to a client, in its own words; the context has `status` (HTTP) and `code`."""


class SolveError(EmsError):
    """The optimiser returned no plan that may be used."""


class WorseThanOwnControlError(SolveError):
    """A plan was made, and run forward it is worse than leaving the machines to their own control."""


class BusyError(EmsError):
    """Too many ask at once; the context says in `wait_s` when to ask again."""

    retry = True


class ReportError(EmsError):
    """A report that cannot be made from what there is; `zh` in the context says the same in Chinese."""


class ForecastError(EmsError):
    """The process that makes forecasts gave none; the plan goes on with similar days."""

    retry = True


class AddressRefusedError(EmsError):
    """The hub connects to no such address unless its administrator allows it; `zh` is in the context."""


class AccessError(EmsError):
    """A person may not do this, or not now."""


class NotSignedInError(AccessError):
    """No token, or one that is not good (any more); the person has to sign in."""


class SecondFactorError(NotSignedInError):
    """The password is right; the code of the second factor is missing, wrong, or was used before."""


class ProviderError(AccessError):
    """The provider of identities does not answer, or not as it should; nobody signs in by it now."""

    retry = True


class OrderRefusedError(AccessError):
    """An order of a person is not taken; the context has `status` (HTTP), `code` and the sentence in `zh`."""


class JoinRefusedError(AccessError):
    """A join token is unknown, over, or was used by another box."""


class TooManyGuessesError(AccessError):
    """Too many wrong passwords, or too many people who sign in at once; `wait_s` says how long to wait."""

    retry = True
