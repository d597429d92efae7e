"""What is wrong with the fields of a request, in both languages: the checks are pydantic's.

English is what pydantic says; Chinese is said by the kind of fault and what it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from protocols.config import Text

FAULTS: Final[Mapping[str, str]] = {
    "missing": "缺少此项",
    "extra_forbidden": "不允许有此项",
    "string_type": "应为文本",
    "string_unicode": "应为有效的 Unicode 文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "格式应符合 {pattern}",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_parsing_size": "整数过大",
    "int_from_float": "应为整数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "literal_error": "应为 {expected} 之一",
    "enum": "应为 {expected} 之一",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "datetime_type": "应为时间，如 2026-01-31T13:45:00+08:00",
    "datetime_parsing": "应为时间，如 2026-01-31T13:45:00+08:00",
    "datetime_from_date_parsing": "应为时间，如 2026-01-31T13:45:00+08:00",
    "datetime_object_invalid": "应为时间，如 2026-01-31T13:45:00+08:00",
    "timezone_aware": "时间应注明时区，如 2026-01-31T13:45:00+08:00",
    "date_type": "应为日期，如 2026-01-31",
    "date_parsing": "应为日期，如 2026-01-31",
    "date_from_datetime_parsing": "应为日期，如 2026-01-31",
    "json_invalid": "不是可读取的 JSON",
    "json_type": "不是可读取的 JSON",
    "value_error": "值不符合要求",
    "none_required": "应为空",
}
"""Kind of a fault to its words; `{…}` is what the check names."""
_OTHER: Final = "值不符合要求"
_MOST: Final = 20
_EXPECTED: Final = "expected"


def faults_text(faults: Sequence[Mapping[str, Any]]) -> Text:
    """All faults of a request, each behind its field.

    Example:
        >>> fault = {"type": "greater_than_equal", "loc": ("query", "limit"), "msg": "…", "ctx": {"ge": 1}}
        >>> faults_text([fault]).zh
        'query.limit：应不小于 1'
    """
    shown = [(".".join(str(part) for part in fault["loc"]), fault) for fault in faults[:_MOST]]
    return Text(
        en="; ".join(f"{place}: {fault['msg']}" for place, fault in shown),
        zh="；".join(f"{place}：{_chinese(fault)}" for place, fault in shown),
    )


def _chinese(fault: Mapping[str, Any]) -> str:
    named = {name: str(value) for name, value in (fault.get("ctx") or {}).items()}
    if _EXPECTED in named:
        named[_EXPECTED] = named[_EXPECTED].replace(", ", "、").replace(" or ", "、")
    try:
        return FAULTS.get(str(fault["type"]), _OTHER).format_map(named)
    except KeyError:
        return _OTHER
