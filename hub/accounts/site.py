"""What the accounts of a site go by, read from one version of its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from accounts.contract import Contract
from hub.accounts.book import ELECTRICITY, AccountsFile, SupplyFile, book_file
from hub.accounts.book_check import load_book
from hub.accounts.contracts import contract_file, load_contract
from hub.accounts.gauges import Gauge, gauges_of
from hub.accounts.tariff_contract import contract_of_tariff
from hub.registry.calendars import Calendar
from hub.registry.site import Registry
from hub.values.site import SiteValues
from optimizer.tariff import Tariff
from protocols.point import PointId, local_point
from runtime.yaml_config import load_config


@dataclass(frozen=True, slots=True)
class SiteAccounts:
    """One version of a site's accounts.

    Attributes:
        site: Its id.
        book: Meters, media, factors, goals.
        contract: What electricity is bought by; None: it has no cost.
        by_tariff: Whether the contract was made of the planner's tariff, since the site has none of its own.
        calendar: Shifts.
        zone: Zone of its clock.
        currency: ISO 4217 code of its money.
        values: What the site declares about its values.
        gauges: Its points as "device/point".
    """

    site: str
    book: AccountsFile
    contract: Contract | None
    by_tariff: bool
    calendar: Calendar
    zone: ZoneInfo
    currency: str
    values: SiteValues
    gauges: Mapping[str, Gauge]

    def point(self, local: str) -> PointId:
        """A point of the site by "device/point"."""
        return local_point(self.site, local)

    @property
    def supply(self) -> SupplyFile | None:
        """What the invoice goes by; None where the book has no single bought electricity meter."""
        return supply_of(self.book)


def supply_of(book: AccountsFile) -> SupplyFile | None:
    """What the electricity invoice goes by; None where no single meter says it."""
    if book.supply is not None:
        return book.supply
    found = [
        meter.id
        for meter in book.meters
        if meter.carrier == ELECTRICITY and meter.bought and meter.below is None
    ]
    return SupplyFile(meter=found[0]) if len(found) == 1 else None


def load_site_accounts(
    config_dir: Path, registry: Registry, values: SiteValues, calendar: Calendar
) -> SiteAccounts | None:
    """Read them; None where the site has no book.

    Raises:
        ConfigError: Book, contract or tariff cannot be read.
    """
    site = registry.site.id
    path = book_file(config_dir, site)
    if not path.exists():
        return None
    book = load_book(path)
    contract, by_tariff = _contract(config_dir, site, book)
    return SiteAccounts(
        site=site,
        book=book,
        contract=contract,
        by_tariff=by_tariff,
        calendar=calendar,
        zone=ZoneInfo(registry.site.time_zone),
        currency=registry.site.currency if contract is None else contract.currency,
        values=values,
        gauges=gauges_of(registry, values),
    )


def _contract(config_dir: Path, site: str, book: AccountsFile) -> tuple[Contract | None, bool]:
    path = contract_file(config_dir, site)
    if path.exists():
        return load_contract(path), False
    tariff = config_dir / "tariffs" / f"{site}.yaml"
    if not tariff.exists():
        return None, False
    supply = supply_of(book)
    exports = supply is not None and supply.export_point is not None
    return contract_of_tariff(load_config(tariff, Tariff), exports=exports), True
