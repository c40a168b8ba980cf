"""Names of months and days in 36 languages, lower case, without the dot of an abbreviation.

Data: Unicode CLDR, through babel 2.19.0 (months and days of the Gregorian calendar, `format` and `stand-alone`,
`wide` and `abbreviated`); generated once, so babel is no dependency. Names of several words or with digits are
left out.
"""

_MONTHS: tuple[str, ...] = (
    "january jan januar janvier janv enero ene gennaio gen janeiro januari января янв январь "
    "stycznia sty styczeń ocak oca ledna led leden januára január ianuarie ian януари яну "
    "січня січ січень ιανουαρίου ιαν ιανουάριος tammikuuta tammi tammikuu jaanuar jaan "
    "janvāris sausio saus sausis siječnja sij siječanj јануар јан gener xaneiro xan urtarrila "
    "urt يناير ינואר ינו׳ जनवरी जन॰ জানুয়ারি জানু มกราคม ม.ค",
    "february feb februar février févr febrero febbraio fevereiro fev februari февраля февр "
    "февраль lutego lut luty şubat şub února úno únor februára február febr februarie "
    "февруари фев лютого лют лютий φεβρουαρίου φεβ φεβρουάριος helmikuuta helmi helmikuu "
    "veebruar veebr februāris vasario vas vasaris veljače velj veljača фебруар феб febrer "
    "febreiro otsaila ots فبراير פברואר פבר׳ फ़रवरी फ़र॰ ফেব্রুয়ারি ফেব กุมภาพันธ์ ก.พ",
    "march mar märz mär mars marzo março maart mrt марта мар март marca marzec mart března "
    "bře březen marec március márc martie березня бер березень μαρτίου μαρ μάρτιος μάρ marts "
    "maaliskuuta maalis maaliskuu märts kovo kov kovas ožujka ožu ožujak març martxoa مارس "
    "מרץ मार्च মার্চ maret มีนาคม มี.ค",
    "april apr avril avr abril abr aprile апреля апр апрель kwietnia kwi kwiecień nisan nis "
    "dubna dub duben apríla apríl április ápr aprilie април квітня квіт квітень απριλίου απρ "
    "απρίλιος huhtikuuta huhti huhtikuu aprill aprīlis balandžio bal balandis travnja tra "
    "travanj d’abril d’abr apirila api أبريل אפריל אפר׳ अप्रैल এপ্রিল এপ্রি เมษายน เม.ย",
    "may mai mayo maggio mag maio mei мая май maja maj mayıs května kvě květen mája máj május "
    "травня трав травень μαΐου μαΐ μάιος μάι toukokuuta touko toukokuu maijs gegužės geg "
    "gegužė svibnja svi svibanj мај maig maiatza مايو מאי मई মে พฤษภาคม พ.ค",
    "june jun juni juin junio giugno giu junho июня июн июнь czerwca cze czerwiec haziran haz "
    "června čvn červen júna jún június iunie iun юни червня черв червень ιουνίου ιουν ιούνιος "
    "ιούν kesäkuuta kesä kesäkuu juuni jūnijs jūn birželio birž birželis lipnja lipanj junij "
    "јун juny xuño ekaina eka يونيو יוני जून জুন มิถุนายน มิ.ย",
    "july jul juli juillet juil julio luglio lug julho июля июл июль lipca lip lipiec temmuz "
    "tem července čvc červenec júla júl július iulie iul юли липня лип липень ιουλίου ιουλ "
    "ιούλιος ιούλ heinäkuuta heinä heinäkuu juuli jūlijs jūl liepos liep liepa srpnja srpanj "
    "julij јул juliol xullo xul uztaila uzt يوليو יולי जुलाई जुल॰ জুলাই জুল กรกฎาคม ก.ค",
    "august aug août agosto ago augustus августа авг август sierpnia sie sierpień ağustos ağu "
    "srpna srp srpen augusta augusztus серпня серп серпень αυγούστου αυγ αύγουστος αύγ "
    "augusti elokuuta elo elokuu augusts rugpjūčio rugp rugpjūtis kolovoza kol kolovoz avgust "
    "avg d’agost d’ag agost ag abuztua abu أغسطس אוגוסט אוג׳ अगस्त अग॰ আগস্ট আগ agustus agu "
    "สิงหาคม ส.ค",
    "september sep sept septembre septiembre settembre set setembro сентября сент сентябрь "
    "września wrz wrzesień eylül eyl září zář septembra szeptember szept septembrie септември "
    "сеп вересня вер вересень σεπτεμβρίου σεπ σεπτέμβριος syyskuuta syys syyskuu septembris "
    "rugsėjo rugs rugsėjis rujna ruj rujan септембар setembre iraila ira سبتمبر ספטמבר ספט׳ "
    "सितंबर सित॰ সেপ্টেম্বর সেপ সেপ্ট กันยายน ก.ย",
    "october oct oktober okt octobre octubre ottobre ott outubro out октября окт октябрь "
    "października paź październik ekim eki října říj říjen októbra október octombrie октомври "
    "жовтня жовт жовтень οκτωβρίου οκτ οκτώβριος lokakuuta loka lokakuu oktoober oktobris "
    "spalio spal spalis октобар d’octubre d’oct urria urr أكتوبر אוקטובר אוק׳ अक्टूबर अक्टू॰ "
    "অক্টোবর অক্টো ตุลาคม ต.ค",
    "november nov novembre noviembre novembro ноября нояб ноябрь listopada lis listopad kasım "
    "kas listopadu novembra noiembrie ноември ное листопада лист листопад νοεμβρίου νοε "
    "νοέμβριος νοέ marraskuuta marras marraskuu novembris lapkričio lapkr lapkritis studenoga "
    "stu studeni новембар нов azaroa aza نوفمبر נובמבר נוב׳ नवंबर नव॰ নভেম্বর নভে พฤศจิกายน "
    "พ.ย",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro декабря дек "
    "декабрь grudnia gru grudzień aralık ara prosince pro prosinec decembra decembrie "
    "декември грудня груд грудень δεκεμβρίου δεκ δεκέμβριος desember des joulukuuta joulu "
    "joulukuu detsember dets decembris gruodžio gruod gruodis prosinca prosinac децембар дец "
    "desembre decembro abendua abe ديسمبر דצמבר דצמ׳ दिसंबर दिस॰ ডিসেম্বর ডিসে ธันวาคม ธ.ค",
)
_DAYS = (
    "sunday monday tuesday wednesday thursday friday saturday sun mon tue wed thu fri sat "
    "sonntag montag dienstag mittwoch donnerstag freitag samstag so mo di mi do fr sa "
    "dimanche lundi mardi mercredi jeudi vendredi samedi dim lun mer jeu ven sam domingo "
    "lunes martes miércoles jueves viernes sábado dom mié jue vie sáb domenica lunedì martedì "
    "mercoledì giovedì venerdì sabato gio sab segunda-feira terça-feira quarta-feira quinta- "
    "feira sexta-feira seg ter qua qui sex zondag maandag dinsdag woensdag donderdag vrijdag "
    "zaterdag zo ma wo vr za воскресенье понедельник вторник среда четверг пятница суббота вс "
    "пн вт ср чт пт сб niedziela poniedziałek wtorek środa czwartek piątek sobota niedz pon "
    "wt śr czw pt sob pazar pazartesi salı çarşamba perşembe cuma cumartesi paz pzt sal çar "
    "per cum cmt neděle pondělí úterý středa čtvrtek pátek ne po út st čt pá nedeľa pondelok "
    "utorok streda štvrtok piatok ut št pi vasárnap hétfő kedd szerda csütörtök péntek "
    "szombat sze cs szo duminică luni marți miercuri joi vineri sâmbătă dum mie vin sâm "
    "неделя понеделник сряда четвъртък петък събота нд неділя понеділок вівторок середа "
    "четвер пʼятниця субота κυριακή δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυρ δευ "
    "τρί τετ πέμ παρ σάβ söndag måndag tisdag onsdag torsdag fredag lördag sön mån tis ons "
    "tors fre lör søndag mandag tirsdag lørdag søn man tirs lør tir tor sunnuntaina "
    "maanantaina tiistaina keskiviikkona torstaina perjantaina lauantaina su ti ke to pe la "
    "sunnuntai maanantai tiistai keskiviikko torstai perjantai lauantai pühapäev esmaspäev "
    "teisipäev kolmapäev neljapäev reede laupäev svētdiena pirmdiena otrdiena trešdiena "
    "ceturtdiena piektdiena sestdiena svētd pirmd otrd trešd ceturtd piektd sestd sekmadienis "
    "pirmadienis antradienis trečiadienis ketvirtadienis penktadienis šeštadienis sk pr an tr "
    "kt pn nedjelja ponedjeljak utorak srijeda četvrtak petak subota ned uto sri čet pet sub "
    "nedelja ponedeljek torek sreda četrtek petek sre недеља понедељак уторак четвртак петак "
    "нед пон уто сре чет пет суб diumenge dilluns dimarts dimecres dijous divendres dissabte "
    "dg dl dt dc dj dv ds luns mércores xoves venres mér xov igandea astelehena asteartea "
    "asteazkena osteguna ostirala larunbata ig al ar az og or lr الأحد الاثنين الثلاثاء "
    "الأربعاء الخميس الجمعة السبت שבת रविवार सोमवार मंगलवार बुधवार गुरुवार शुक्रवार शनिवार "
    "रवि सोम मंगल बुध गुरु शुक्र शनि রবিবার সোমবার মঙ্গলবার বুধবার বৃহস্পতিবার শুক্রবার "
    "শনিবার রবি সোম মঙ্গল বুধ বৃহস্পতি শুক্র শনি minggu senin selasa rabu kamis jumat sabtu "
    "min sen sel rab kam jum วันอาทิตย์ วันจันทร์ วันอังคาร วันพุธ วันพฤหัสบดี วันศุกร์ "
    "วันเสาร์ อาทิตย์ จันทร์ อังคาร พุธ พฤหัส ศุกร์ เสาร์"
)

MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
"""The number of a month by each of its names."""

DAYS = frozenset(_DAYS.split())
"""Names of the days of a week."""
