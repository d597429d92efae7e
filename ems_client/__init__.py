"""A thin client of the hub's API for scripts and notebooks: typed answers, pages read to their end, retries.

    from ems_client import HubClient

    with HubClient("https://ems.plant.example", token="…") as hub:
        for value in hub.values("demo"):
            print(value.point, value.value, value.quality_class)
        table = hub.series("demo", ["demo/meter_main/power_kw"], start, end, window_s=900)

It knows the API alone and nothing of the hub's code; docs/client.md, and `ems_client/example.ipynb`.
"""

from ems_client.client import HubClient
from ems_client.models import Alarm, AlarmLine, Command, Device, Order, Plan, PlanSeries, Point, Site, Value
from ems_client.room_models import (
    AccountInvoice,
    AccountStatement,
    AuditCheck,
    AuditEntry,
    ClosedVersion,
    GoalAnswer,
    SiteReport,
)
from ems_client.series import Column, Sample, SeriesTable
from ems_client.wire import Retries

__all__ = [
    "AccountInvoice",
    "AccountStatement",
    "Alarm",
    "AlarmLine",
    "AuditCheck",
    "AuditEntry",
    "ClosedVersion",
    "Column",
    "Command",
    "Device",
    "GoalAnswer",
    "HubClient",
    "Order",
    "Plan",
    "PlanSeries",
    "Point",
    "Retries",
    "Sample",
    "SeriesTable",
    "Site",
    "SiteReport",
    "Value",
]
