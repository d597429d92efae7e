"""What is wrong with a flowsheet, curves, machines, tariffs and what the planner may choose."""

from __future__ import annotations

from typing import Final

from protocols.phrases import Phrase

OF_PLANT: Final = (
    Phrase(
        "units.{unit}.{field}: unknown node {node}; known are: {known}",
        "units.{unit}.{field}：未知节点 {node}；已有：{known}",
    ),
    Phrase(
        "units.{unit}.{field}: node {node} carries {carrier}, a {kind} needs {wanted}",
        "units.{unit}.{field}：节点 {node} 的介质为 {carrier}，{kind} 需要 {wanted}",
    ),
    Phrase(
        "nodes.{node}: nothing gives {carrier} here; add a source or a grid",
        "nodes.{node}：此处没有 {carrier} 的来源；请加上来源或电网",
    ),
    Phrase(
        "units.{unit}.bindings: a {kind} has no {role}; it has: {known}",
        "units.{unit}.bindings:{kind} 没有 {role}；可用：{known}",
    ),
    Phrase(
        "point {point} is bound {count} times; bind it once",
        "点位 {point} 绑定了 {count} 次；请只绑定一次",
    ),
    Phrase("units.{unit}.of: unknown unit {other}", "units.{unit}.of：未知设备 {other}"),
    Phrase(
        "{unit}: regulates over {span} m³/min, less than the largest fixed step of {largest} m³/min: "
        "between the two the pressure cycles",
        "{unit}：调节范围 {span} m³/min 小于最大的固定级差 {largest} m³/min：两者之间压力会反复波动",
    ),
    Phrase(
        "curves.{name}: a learnt curve of a {kind}, but it is {known}; take it out",
        "curves.{name}：这是 {kind} 的学习曲线，但它是{known}；请去掉",
    ),
    Phrase(
        "the learnt curve is of a {kind}, the unit is a {other}; learn it again",
        "学习曲线属于 {kind}，而设备是 {other}；请重新学习",
    ),
    Phrase("a range needs low ≤ high, got {low} and {high}", "范围须 low ≤ high，现为 {low} 和 {high}"),
    Phrase(
        "range of a curve needs low < high, got {low} and {high}",
        "曲线的范围须 low < high，现为 {low} 和 {high}",
    ),
    Phrase("a curve needs as many y as x, got {y} and {x}", "曲线的 y 与 x 个数须相同，现为 {y} 和 {x}"),
    Phrase("the x of a curve must rise strictly", "曲线的 x 须严格递增"),
    Phrase(
        "{name} at rating is {value}, must be 1 within 1 %: it is a ratio to the rating point",
        "{name} 在额定点为 {value}，须为 1（误差 1 % 以内）：它是相对额定点的比值",
    ),
    Phrase("flow_min_m3_min must be less than flow_max_m3_min", "flow_min_m3_min 须小于 flow_max_m3_min"),
    Phrase(
        "compressors need a receiver and chillers a cooling_loop; add them to the flowsheet",
        "空压机须有 receiver，冷水机须有 cooling_loop；请加入流程图",
    ),
    Phrase("the simulation knows one electric load, join: {names}", "仿真只有一个电负荷，请合并：{names}"),
    Phrase(
        "the simulation knows one {kind} per plant, the flowsheet has: {names}",
        "仿真中每个工厂只有一个 {kind}，流程图中有：{names}",
    ),
    Phrase(
        "a meter sums {name}, which has no electric power; take it out of the meter",
        "电表汇总了 {name}，而它没有电功率；请从电表中去掉",
    ),
    Phrase(
        "role bands need base ≥ trim ≥ standby load pressures, got {loads}",
        "各角色的加载压力须 base ≥ trim ≥ standby，现为 {loads}",
    ),
    Phrase(
        "a pressure band needs load_bar_g < unload_bar_g, got {load} and {unload}",
        "压力带须 load_bar_g < unload_bar_g，现为 {load} 和 {unload}",
    ),
    Phrase("a supply set-point needs low_c ≤ default_c ≤ high_c", "供水设定值须 low_c ≤ default_c ≤ high_c"),
    Phrase("a cooling_tower needs low_c ≤ default_c ≤ high_c", "cooling_tower 须 low_c ≤ default_c ≤ high_c"),
    Phrase("a loop needs freeze_c < supply_max_c < room_c", "冷水回路须 freeze_c < supply_max_c < room_c"),
    Phrase(
        "a CHP needs generation_min_kw < generation_max_kw",
        "热电联产须 generation_min_kw < generation_max_kw",
    ),
    Phrase(
        "a CHP cannot give more heat and power than fuel (LHV)",
        "热电联产的热与电之和不能超过燃料（低位热值）",
    ),
    Phrase(
        "a battery needs soc_min_frac < taper_soc_frac < soc_max_frac",
        "电池须 soc_min_frac < taper_soc_frac < soc_max_frac",
    ),
    Phrase("levels must rise, got {levels}", "各档须递增，现为 {levels}"),
    Phrase(
        "humid.supply_most_c lies below every level; add a colder one",
        "humid.supply_most_c 低于所有档位；请加一个更低的",
    ),
    Phrase("the flowsheet has no chiller; leave it out", "流程图中没有冷水机；请去掉此项"),
    Phrase(
        "the flowsheet has no cooling_tower; add one or leave it out",
        "流程图中没有 cooling_tower；请加上，或去掉此项",
    ),
    Phrase(
        "the flowsheet has no compressors with a receiver; leave it out",
        "流程图中没有带 receiver 的空压机；请去掉此项",
    ),
    Phrase(
        "found {named} without fuel_kw in the flowsheet; bind fuel_kw of one or leave it out",
        "流程图中 {named} 没有 fuel_kw；请绑定其一的 fuel_kw，或去掉此项",
    ),
    Phrase(
        "found {value} kVA, allowed are 0 or at least {least}",
        "现为 {value} kVA；允许 0，或至少 {least}",
    ),
    Phrase(
        "found {level} °C, {unit} takes {low} … {high} °C",
        "现为 {level} °C,{unit} 可用 {low} … {high} °C",
    ),
    Phrase("found {level}, the network needs {least} bar g", "现为 {level}，管网需要 {least} bar g"),
    Phrase(
        "found {level} bar g; allowed are {low} … {high}: {why}",
        "现为 {level} bar g；允许 {low} … {high}：{why}",
    ),
    Phrase(
        "below, machines on standby come before the one that trims, above, those that run full are released",
        "低于此范围，备用机组会先于调节机组启动；高于此范围会释放满载机组",
    ),
    Phrase(
        "the bands of the roles leave no room for another pressure; set them apart or leave it out",
        "各角色的压力带没有给其他压力留出余地；请拉开压力带，或去掉此项",
    ),
    Phrase(
        "found {level} bar g; allowed are at most {most}: {why}",
        "现为 {level} bar g；最多允许 {most}：{why}",
    ),
    Phrase(
        "under its role the header falls so far; raise the trim role first",
        "按其角色，母管压力会降到这么低；请先提高 trim 角色",
    ),
    Phrase(
        "to_hour must be later than from_hour; write a window past midnight as two",
        "to_hour 须晚于 from_hour；跨午夜的时段请写成两个",
    ),
    Phrase(
        "{name} is no time zone; use an IANA name such as Europe/Berlin",
        "{name} 不是时区；请用 IANA 名称，如 Asia/Shanghai",
    ),
    Phrase("the band {band} has no price in bands_per_kwh", "时段 {band} 在 bands_per_kwh 中没有价格"),
)  # fmt: skip
