"""What is wrong with the form of a file: YAML, tables, names that are there twice."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_FORM: Final = (
    Phrase("is missing", "缺少此项"),
    Phrase(
        "unknown field; allowed: {fields}; did you mean {near}?",
        "没有此项；允许：{fields}；是否想写 {near}？",
    ),
    Phrase("unknown field; allowed: {fields}", "没有此项；允许：{fields}"),
    Phrase(
        "{path}: no such file; create it or point to another one",
        "没有文件 {path}；请创建，或指向其他文件",
    ),
    Phrase("{path}: cannot be read: {why}", "无法读取 {path}：{why}"),
    Phrase(
        "{path}: {count} bytes; a configuration has at most {most}",
        "{path} 有 {count} 字节；配置最多 {most} 字节",
    ),
    Phrase("{path}: the file is empty", "{path} 为空文件"),
    Phrase("not valid YAML: {why}", "不是有效的 YAML:{why}"),
    Phrase("{path}: not valid YAML: {why}", "{path} 不是有效的 YAML:{why}"),
    Phrase("aliases are not allowed; write the value out", "不允许使用别名；请直接写出内容"),
    Phrase("more than {most} levels; that is no configuration", "嵌套超过 {most} 层；这不是配置"),
    Phrase("{key}: this key cannot be used (twice?)", "{key}：此键不能使用（是否重复？）"),
    Phrase("this key cannot be used (twice?)", "此键不能使用（是否重复？）"),
    Phrase(
        "{file}: {count} rows; at most {most} at once, use several files",
        "{file} 有 {count} 行；一次最多 {most} 行，请分成几个文件",
    ),
    Phrase(
        "{field}: found {name}, which is taken by {other}; allowed are others",
        "{field}：{name} 已被 {other} 占用；请改用其他",
    ),
    Phrase(
        "address: found {place}, which is the one of {other}; allowed are others",
        "地址：{place} 已是 {other} 的地址；请改用其他",
    ),
    Phrase(
        "{path} is not in the configuration; import it with at least one row first",
        "配置中没有 {path}；请先导入至少含一行的该文件",
    ),
    Phrase(
        "{file}: is not UTF-8; save the table as CSV UTF-8",
        "{file} 不是 UTF-8；请将表格另存为 CSV UTF-8",
    ),
    Phrase("a column without a name, or a name twice: {columns}", "有的列没有名称，或名称重复：{columns}"),
    Phrase(
        "{cells} cells for {columns} columns; quote commas",
        "{cells} 个单元格对应 {columns} 列；含逗号的内容请加引号",
    ),
    Phrase("{part} is a column and the beginning of {column}", "{part} 既是一列，又是 {column} 的开头"),
    Phrase(
        "{file}: found no list of rows; write a list, or `{field}:` with a list below it",
        "{file} 中没有行的列表；请写列表，或在 `{field}:` 下写列表",
    ),
    Phrase(
        "{path}: write `{field}:` with one dash a row, not in brackets",
        "{path}：请在 `{field}:` 下每行一个短横线，不要用方括号",
    ),
    Phrase(
        "{file}: found no row; write one a line below the head",
        "{file} 中没有数据行；请在表头下每行写一条",
    ),
    Phrase("there is no such file; a site begins with it", "没有此文件；站点由它开始"),
    Phrase(
        "no process to check a configuration in: {why}; try again",
        "无法启动检查配置的进程：{why}；请重试",
    ),
    Phrase(
        "to read it takes more than {seconds} s; send less at once",
        "读取超过 {seconds} 秒；请一次少发一些",
    ),
    Phrase(
        "the process that read it ended with {code}; send less at once",
        "读取它的进程以 {code} 结束；请一次少发一些",
    ),
    Phrase("and {count} more", "另有 {count} 条"),
    Phrase("{path} stands twice among the files; send it once", "文件中 {path} 出现两次；请只发一次"),
    Phrase(
        "more than {files} files or {size} bytes; is it one site?",
        "超过 {files} 个文件或 {size} 字节；这是一个站点吗？",
    ),
    Phrase(
        "{name} cannot be the path of a configuration; allowed are small letters, digits, _ . - and a name "
        "that ends in .yaml, at most {most} characters",
        "{name} 不能作为配置文件的路径；允许小写字母、数字、_ . -，以 .yaml 结尾，最多 {most} 个字符",
    ),
    Phrase("device id {name} is there twice", "设备标识 {name} 重复"),
    Phrase("point {name} is there twice", "点位 {name} 重复"),
    Phrase("meter id {name} is there twice", "计量表标识 {name} 重复"),
    Phrase("product id {name} is there twice", "产品标识 {name} 重复"),
    Phrase("medium id {name} is there twice", "介质标识 {name} 重复"),
    Phrase("price of {name} is there twice", "价格 {name} 重复"),
    Phrase("factor id {name} is there twice", "系数标识 {name} 重复"),
    Phrase("chp id {name} is there twice", "热电联产标识 {name} 重复"),
    Phrase("course id {name} is there twice", "曲线标识 {name} 重复"),
    Phrase("goal id {name} is there twice", "目标标识 {name} 重复"),
    Phrase(
        "Unable to extract tag using discriminator {discriminator}; allowed: {tags}",
        "无法由 {discriminator} 判断种类；允许：{tags}",
    ),
    Phrase(
        "{folder}: there is no {file}; give the folder that holds sites/",
        "{folder} 中没有 {file}；请给出含 sites/ 的文件夹",
    ),
    Phrase(
        "{folder}: more than {files} files or {size} bytes; is it a site?",
        "{folder} 超过 {files} 个文件或 {size} 字节；这是一个站点吗？",
    ),
    Phrase("{folder} is there already; give a folder that is not", "{folder} 已存在；请给出不存在的文件夹"),
)  # fmt: skip
