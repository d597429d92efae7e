"""Bounds of fields, whose checks are pydantic's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protocols.phrases import Phrase

KINDS: Final[Mapping[str, Phrase]] = {
    "bool_parsing": Phrase(
        "Input should be a valid boolean, unable to interpret input",
        "应为 true 或 false，无法识别",
    ),
    "bool_type": Phrase("Input should be a valid boolean", "应为 true 或 false"),
    "date_from_datetime_inexact": Phrase(
        "Datetimes provided to dates should have zero time - e.g. be exact dates",
        "应为日期，不带时间",
    ),
    "date_from_datetime_parsing": Phrase(
        "Input should be a valid date or datetime, {error}",
        "应为日期，如 2026-01-31",
    ),
    "date_parsing": Phrase(
        "Input should be a valid date in the format YYYY-MM-DD, {error}",
        "应为日期，如 2026-01-31",
    ),
    "date_type": Phrase("Input should be a valid date", "应为日期，如 2026-01-31"),
    "datetime_from_date_parsing": Phrase(
        "Input should be a valid datetime or date, {error}",
        "应为时间，如 2026-01-31T13:45:00+08:00",
    ),
    "datetime_object_invalid": Phrase("Invalid datetime object, got {error}", "时间对象无效：{error}"),
    "datetime_parsing": Phrase(
        "Input should be a valid datetime, {error}",
        "应为时间，如 2026-01-31T13:45:00+08:00",
    ),
    "datetime_type": Phrase("Input should be a valid datetime", "应为时间，如 2026-01-31T13:45:00+08:00"),
    "decimal_max_digits": Phrase(
        "Decimal input should have no more than {max_digits} digit{expected_plural} in total",
        "总位数最多 {max_digits} 位",
    ),
    "decimal_max_places": Phrase(
        "Decimal input should have no more than {decimal_places} decimal place{expected_plural}",
        "小数最多 {decimal_places} 位",
    ),
    "decimal_parsing": Phrase("Input should be a valid decimal", "应为十进制数"),
    "decimal_type": Phrase(
        "Decimal input should be an integer, float, string or Decimal object",
        "应为十进制数",
    ),
    "decimal_whole_digits": Phrase(
        "Decimal input should have no more than {whole_digits} digit{expected_plural} before the decimal "
        "point",
        "整数部分最多 {whole_digits} 位",
    ),
    "dict_type": Phrase("Input should be a valid dictionary", "应为由“键：值”组成的一组项"),
    "enum": Phrase("Input should be {expected}", "应为 {expected}"),
    "finite_number": Phrase("Input should be a finite number", "应为有限的数字"),
    "float_parsing": Phrase(
        "Input should be a valid number, unable to parse string as a number",
        "应为数字，该文本不是数字",
    ),
    "float_type": Phrase("Input should be a valid number", "应为数字"),
    "greater_than": Phrase("Input should be greater than {gt}", "应大于 {gt}"),
    "greater_than_equal": Phrase("Input should be greater than or equal to {ge}", "应不小于 {ge}"),
    "int_from_float": Phrase(
        "Input should be a valid integer, got a number with a fractional part",
        "应为整数，不能带小数",
    ),
    "int_parsing": Phrase(
        "Input should be a valid integer, unable to parse string as an integer",
        "应为整数，该文本不是整数",
    ),
    "int_parsing_size": Phrase(
        "Unable to parse input string as an integer, exceeded maximum size",
        "整数过大",
    ),
    "int_type": Phrase("Input should be a valid integer", "应为整数"),
    "invalid_key": Phrase("Keys should be strings", "键应为文本"),
    "is_instance_of": Phrase("Input should be an instance of {class}", "应为 {class}"),
    "less_than": Phrase("Input should be less than {lt}", "应小于 {lt}"),
    "less_than_equal": Phrase("Input should be less than or equal to {le}", "应不大于 {le}"),
    "list_type": Phrase("Input should be a valid list", "应为列表"),
    "literal_error": Phrase("Input should be {expected}", "应为 {expected}"),
    "model_type": Phrase(
        "Input should be a valid dictionary or instance of {class_name}",
        "应为由“键：值”组成的一组项",
    ),
    "model_attributes_type": Phrase(
        "Input should be a valid dictionary or object to extract fields from",
        "应为由“键：值”组成的一组项",
    ),
    "none_required": Phrase("Input should be None", "应为空"),
    "string_pattern_mismatch": Phrase("String should match pattern '{pattern}'", "格式应符合 {pattern}"),
    "string_too_long": Phrase(
        "String should have at most {max_length} character{expected_plural}",
        "最多 {max_length} 个字符",
    ),
    "string_too_short": Phrase(
        "String should have at least {min_length} character{expected_plural}",
        "至少 {min_length} 个字符",
    ),
    "string_type": Phrase("Input should be a valid string", "应为文本"),
    "string_unicode": Phrase(
        "Input should be a valid string, unable to parse raw data as a unicode string",
        "应为有效的 Unicode 文本",
    ),
    "timezone_aware": Phrase(
        "Input should have timezone info",
        "时间应注明时区，如 2026-01-31T13:45:00+08:00",
    ),
    "too_long": Phrase(
        "{field_type} should have at most {max_length} item{expected_plural} after validation, not "
        "{actual_length}",
        "最多 {max_length} 项，现有 {actual_length} 项",
    ),
    "too_short": Phrase(
        "{field_type} should have at least {min_length} item{expected_plural} after validation, not "
        "{actual_length}",
        "至少 {min_length} 项，现有 {actual_length} 项",
    ),
    "tuple_type": Phrase("Input should be a valid tuple", "应为列表"),
    "union_tag_invalid": Phrase(
        "Input tag '{tag}' found using {discriminator} does not match any of the expected tags: "
        "{expected_tags}",
        "{discriminator} 的值 '{tag}' 不在允许的范围内：{expected_tags}",
    ),
    "union_tag_not_found": Phrase(
        "Unable to extract tag using discriminator {discriminator}",
        "无法由 {discriminator} 判断种类",
    ),
}  # fmt: skip
"""Kind of a fault, as pydantic calls it, to its sentence; a test holds the English against pydantic's own."""
