"""Words and looks of the report page."""

from __future__ import annotations

from typing import Final

from protocols.config import Text

WORDS: Final = {
    "all_kept": Text(
        en="Every declared limit is kept, checked by code that did not make the plan; nothing is short.",
        zh="所有声明的限值均满足（由独立程序校核），无短缺。",
    ),
    "bound": Text(en="Its lower bound", zh="目标值下界"),
    "buy": Text(en="bought", zh="购电"),
    "co2": Text(en="Emissions", zh="碳排放"),
    "co2_cost": Text(en="emissions", zh="碳成本"),
    "corners": Text(en="straight lines beside curve, at most", zh="折线与曲线最大偏差"),
    "cost": Text(en="Cost", zh="成本"),
    "courses": Text(en="Courses", zh="曲线"),
    "levels": Text(en="Set-points chosen", zh="优选设定值"),
    "levels_from": Text(en="From", zh="自"),
    "curve": Text(en="curve", zh="曲线"),
    "curve_kwh": Text(en="the same on the true curve, kWh", zh="同点按真实曲线，kWh"),
    "curves": Text(en="Against the true curves", zh="与真实曲线对照"),
    "difference": Text(en="difference, kWh", zh="差值，kWh"),
    "energy": Text(en="energy", zh="电费"),
    "energy_kwh": Text(en="electricity, kWh (given: negative)", zh="电量，kWh（发出为负）"),
    "export": Text(en="sold", zh="售电"),
    "faults": Text(en="Not kept, or short", zh="未满足或短缺"),
    "forward": Text(en="Run forward through the model of the plant", zh="按设备模型前推"),
    "fuel": Text(en="fuel", zh="燃料"),
    "gap": Text(en="Gap to the bound", zh="与下界的差距"),
    "grid": Text(en="grid and fuel, kW", zh="电网与燃料，kW"),
    "held": Text(en="held, kWh or m³", zh="储量，kWh 或 m³"),
    "import": Text(en="bought", zh="购电"),
    "kind": Text(en="kind", zh="类型"),
    "machine": Text(en="machine", zh="设备"),
    "machines": Text(en="Machines", zh="设备"),
    "bill": Text(en="Money", zh="费用"),
    "money": Text(en="money", zh="金额"),
    "most": Text(en="most given or held", zh="最大出力或储量"),
    "nominal": Text(en="nominal", zh="额定"),
    "notes": Text(en="Notes", zh="备注"),
    "objective": Text(en="Objective, charges and end values included", zh="目标值（含合同费用与期末价值）"),
    "on_h": Text(en="on, h", zh="运行，h"),
    "outside": Text(en="steps outside what was learnt", zh="超出学习范围的时段数"),
    "peak": Text(en="Highest import of the billing period", zh="计费周期最大需量"),
    "exact_kwh": Text(en="by the plan, steps decided exactly, kWh", zh="按计划（精确决策时段），kWh"),
    "planned_kwh": Text(en="by the plan, kWh", zh="按计划，kWh"),
    "power": Text(en="electric power, kW", zh="电功率，kW"),
    "prices": Text(en="prices, money per kWh", zh="电价，货币/kWh"),
    "proof": Text(en="Proof", zh="求解结果"),
    "saved": Text(en="saved by", zh="节省来源"),
    "sell": Text(en="sold", zh="售电"),
    "simulated_kwh": Text(en="run forward, kWh", zh="前推结果，kWh"),
    "solve_s": Text(en="Solved in", zh="求解用时"),
    "solver": Text(en="Solver", zh="求解器"),
    "starts": Text(en="starts", zh="启停"),
    "starts_n": Text(en="starts", zh="启动次数"),
    "what": Text(en="part", zh="项目"),
    "worst": Text(en="planned points beside curve, at most", zh="计划点与曲线最大偏差"),
    "when": Text(en="When each machine runs", zh="设备运行时段"),
}

STATUS: Final = {
    "optimal": Text(en="optimal within the gap asked for", zh="在要求的差距内最优"),
    "feasible": Text(en="feasible; the time came before the proof", zh="可行（在证明最优前到时）"),
}

KINDS: Final = {
    "compressor": Text(en="compressor", zh="空压机"),
    "chiller": Text(en="chiller", zh="冷水机组"),
    "battery": Text(en="battery", zh="储能电池"),
    "store": Text(en="store", zh="储罐"),
    "chp": Text(en="CHP", zh="热电联产"),
    "boiler": Text(en="boiler", zh="锅炉"),
    "pv": Text(en="PV", zh="光伏"),
    "converter": Text(en="converter", zh="转换设备"),
    "load": Text(en="flexible load", zh="可调负荷"),
}

STYLE: Final = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:1rem auto;max-width:62rem;
padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.5rem;margin:.6rem 0 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
input[type=radio]{position:absolute;opacity:0}
label{margin-right:.4rem;padding:.1rem .6rem;border:1px solid #8a939d;
border-radius:1rem;cursor:pointer}input:checked+label{background:#1b4f72;color:#fff}
input:focus-visible+label{outline:2px solid #d35400}
.zh{display:none}#zh:checked~main .zh{display:inline}#zh:checked~main .en{display:none}
dl{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem}dt{font-size:.8rem;color:#555}dd{margin:0;font-weight:600}
table{border-collapse:collapse;margin:.4rem 0}
th,td{padding:.15rem .7rem .15rem 0;border-bottom:1px solid #ddd;
text-align:right;font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}
svg{max-width:100%;height:auto;font-family:inherit}.good{color:#1e6b3a}.bad{color:#a3150c}
@media print{label{display:none}}
"""
