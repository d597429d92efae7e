"""What stands before any role works: both databases at this version, and the accepted configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hub.auth.admin import ensure_admin
from hub.database import FILE, checked_url, embedded_url, refuse_other_encodings, remember, upgrade
from hub.registry.accepted import accepted_folder, has_version
from hub.registry.documents import Documents, read_documents
from hub.registry.whole import check_documents
from hub.roles.options import RoleOptions
from hub.store.engine import check_store, prepare_store
from hub.store.engine import remember as remember_store
from runtime.clock import SystemClock

Say = Callable[[str], None]


def first_configuration(options: RoleOptions) -> Documents | None:
    """The files a first start would take, checked before anything is made; None: there is a version already.

    Raises:
        ConfigError: The folder that was given has faults, or no such site.
        StoreError: The address of the business database is none, or it cannot be asked.
        StoreDeniedError: The business database has not every character.
    """
    if options.db is None:
        url = options.business_url
    else:
        url = checked_url(options.db) or embedded_url(options.state)
    refuse_other_encodings(url)
    there = url != embedded_url(options.state) or (options.state / FILE).exists()
    if there and asyncio.run(has_version(url, options.site)):
        return None
    documents = read_documents(options.config, options.site)
    check_documents(documents, options.site, options.config)
    return documents


def prepare(options: RoleOptions, say: Say, *, make: bool = True) -> None:
    """Make both databases or bring them to this version; says the admin's password when it makes one.

    Args:
        options: Where.
        say: Tells a person.
        make: Whether to make what is missing on a server of the series; else it is only looked at, and one
            that is away is waited for.

    Raises:
        OSError: The state folder cannot be written to.
        StoreError: A database cannot be opened or brought to this version.
    """
    options.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    if options.db is not None:
        remember(options.state, checked_url(options.db))
    if options.business_url == embedded_url(options.state):
        (options.state / FILE).touch(mode=0o600)  # the sign-ins are nobody else's business
    if options.store is not None:
        remember_store(options.state, options.store.influx)
    if make:
        for line in prepare_store(options.store_place):
            say(line)
    else:
        check_store(options.store_place)
    upgrade(options.business_url)
    password = ensure_admin(options.business_url, SystemClock())
    if password is not None:
        say(f"admin password: {password}")


def take_configuration(options: RoleOptions, say: Say, first: Documents | None = None) -> RoleOptions:
    """The same options with the folder of the accepted configuration; call it after `prepare`.

    Args:
        options: Where.
        say: Tells a person.
        first: What `first_configuration` gave: files that are checked already.

    Raises:
        ConfigError: There is none yet, and the folder that was given has faults.
        StoreError: The version in force is damaged in the database.
    """
    place = (options.site, options.state, options.config)
    return replace(options, config=accepted_folder(options.business_url, place, SystemClock(), say, first))
