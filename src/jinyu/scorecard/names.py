"""How often the customer is addressed by name: 贺女士, 许文彬先生, 欧阳小姐, and masked names such as X先生 or [姓名]女士.

A title alone (先生您好, 这位女士) is no name: a surname must stand before it, a common one or one that the call itself gives (我姓覃).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁宋唐许韩冯邓曹彭曾肖萧田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付傅方白邹孟熊秦邱江尹薛闫阎"
    "段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关焦左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗曲盛"
    "冉骆蓝靳管柴蒙鲍华喻祁蒲房屈饶解牟艾尤阳穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩"
    "池查麻苑迟封官谈匡鞠惠荆乐冀胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门云容敬来扈晁芮都普"
    "阙浦戈伏鹿薄邸雍辛羊阿乌母裘亓修邰赫杭况那宿鲜印逯隆茹诺战慕危玉银亢嵇公哈湛宾戎勾茅利於呼居揭干但尉冶斯元束檀衣信展阴昝智幸奉植衡富尧闭由"
)
# surnames that are far more often plain words beside a title: counted only if the call gives them
_WORDS = set("和向位应全成来那都国平相初由信利干但居公门强海满原计支普容连查官")
_COMPOUND = "欧阳|司马|上官|诸葛|夏侯|皇甫|尉迟|公孙|慕容|司徒|令狐|端木|东方|独孤|南宫|申屠|轩辕|长孙|宇文|呼延"
_GIVEN = "(?:(?![的您你我他她它这那哪位好了吗吧呢啊哦嗯是谢请问于排便])[\u4e00-\u9fff]){0,2}"
_TITLE = "(?:先生|女士|小姐)"
_MASK = r"某{1,3}|[xX×*＊]{1,3}|[\]】]"
_OWN = re.compile("(?<!百)姓([\u4e00-\u9fff])")
_NOT_OWN = set("名氏什啥么的吗是呢嘛了和与")
# 谢 in 谢谢先生, 于 in 关于先生 and 由于先生
_CAREFUL = "(?<![谢感多])谢(?!谢)|(?<![关对由至属等])于"


def addressed(texts: Sequence[str], turns: Sequence[int]) -> list[tuple[int, int]]:
    """(turn, how often) for those of `turns` that address by name; `texts` are all turns in simplified script."""
    given = {c for text in texts for c in _OWN.findall(text)} - _NOT_OWN
    single = "".join(sorted((set(_SURNAMES) - _WORDS | given) - set("谢于")))
    name = re.compile(f"(?:(?:{_COMPOUND}|[{single}]|{_CAREFUL}){_GIVEN}|{_MASK}){_TITLE}")
    counts = [(i, len(name.findall(texts[i]))) for i in turns]
    return [(i, n) for i, n in counts if n]
