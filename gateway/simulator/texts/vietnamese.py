"""Vietnamese prose with full diacritics; some paragraphs are decomposed (NFD), as text from some keyboards is."""

import unicodedata
from typing import Final

from gateway.simulator.texts.corpus import Corpus

_COMPOSED: Final = (
    "Trước hết, ta nên thống nhất thế nào là một kết quả tốt. Một câu hỏi nghe có vẻ đơn giản thường chứa hai ba mong "
    "muốn cùng lúc: phải chạy đúng, phải chạy nhanh, và người đến sau phải hiểu được. Gọi tên từng điều một sẽ giúp ta "
    "thấy điều nào đang cản trở những điều còn lại.",
    "Hãy bắt đầu từ trường hợp nhỏ nhất mà vẫn thể hiện được vấn đề. Trường hợp nhỏ thì dễ nhớ, sửa trong một phút "
    "và bỏ đi cũng không tiếc. Khi nó đã ổn, phần còn lại chủ yếu là cẩn thận, và nếu vẫn còn bất ngờ thì nguyên "
    "nhân chỉ có thể là quy mô.",
    "Tiếp theo là đo đạc, việc xứng đáng được kiên nhẫn hơn ta vẫn tưởng. Một con số đo vào buổi chiều vắng lặng nói "
    "được rất ít; cũng con số ấy đo mười lần, giữa lúc máy bận rộn và giữ lại giá trị xấu nhất, thì nói được rất "
    "nhiều. Số trung bình khiến ta yên lòng, còn lần chậm nhất mới là điều người dùng nhớ mãi.",
    "Từ đây có hai con đường đều chính đáng. Con đường thận trọng thay từng phần một, theo dõi một thời gian và vẫn "
    "giữ lối cũ. Con đường mạnh dạn thay tất cả vào một giờ đã hẹn. Cả hai đều có thể thành công; chỉ thất bại khi "
    "bắt đầu bằng cách thứ nhất rồi lặng lẽ trượt sang cách thứ hai.",
    "Cũng cần nghĩ xem điều gì xảy ra khi mọi việc đứt gãy giữa chừng. Một lá thư bị rách còn tệ hơn lá thư không "
    "đến, vì người đọc có thể tưởng một nửa là toàn bộ. Vì vậy mỗi thông điệp phải nói rõ nó kết thúc ở đâu, và "
    "thiếu dấu kết thúc thì phải được coi là lỗi.",
    "Người dùng không đọc bản thiết kế phía sau. Họ chỉ để ý chữ đầu tiên có hiện ra nhanh không, phần còn lại có "
    "chảy đều không, và nút dừng có làm đúng như tên gọi không. Ba ấn tượng ấy nặng hơn hầu hết những khéo léo bên "
    "dưới, nên đáng được chăm chút trước tiên.",
    "Nói thêm về chi phí: việc không ai chờ thì vẫn phải trả tiền. Khi người đọc gấp sách lại, người viết nên đặt "
    "bút xuống ngay. Nghe thì hiển nhiên, vậy mà ở nhiều hệ thống cây bút vẫn chạy thêm vài phút, và dấu vết duy "
    "nhất là hoá đơn cuối tháng.",
    "Ở Hà Nội, người ta hay nói chuyện bên tách trà nóng vào sáng sớm, khi phố còn vắng và gió hồ Tây thổi nhẹ. "
    "Những quyết định hay nhất thường đến vào lúc như thế: không vội, không ồn, đủ tỉnh táo để nhận ra mình đã nhầm "
    "ở đâu và đủ bình tĩnh để sửa.",
    "Sau cùng, hãy chừa chỗ cho khả năng mình sai. Buổi sáng sau khi quyết định là lúc tốt nhất để thử lại, khi chi "
    "tiết còn mới và tự ái còn nhỏ. Nếu câu trả lời vẫn đứng vững qua một đêm, nó đáng tin hơn; nếu đổ, thì cũng đổ "
    "rẻ, và bài học có thể ghi lại trước bữa trưa.",
    "Một ví dụ cho dễ hình dung: chuyến phà rời bến cứ mười phút một lần, dù đầy hay vơi. Khách quen dần, không còn "
    "chen lấn. Còn chuyến phà chỉ chạy khi đã đủ người thì bến luôn đông, ai cũng sốt ruột, dù tính ra số khách chở "
    "được vẫn như nhau. Nhịp đều quý hơn ta tưởng.",
)

VIETNAMESE: Final = Corpus(
    asked="Bạn hỏi: “{quote}” Tôi xin trả lời từng bước một.",
    revised="Tôi tiếp thu góp ý “{quote}” của bạn và đã suy nghĩ lại câu trả lời.",
    shortened="Tôi tiếp thu góp ý “{quote}” của bạn, đây là bản ngắn gọn.",
    returned="Công cụ trả về “{quote}”, và tôi hiểu kết quả ấy như sau.",
    paragraphs=tuple(
        unicodedata.normalize("NFD", paragraph) if place % 3 == 2 else paragraph
        for place, paragraph in enumerate(_COMPOSED)
    ),
    links=(
        "Nhìn từ một phía khác: ",
        "Trở lại với ý đã nêu: ",
        "Nói cách khác: ",
        "Điều này đáng nhắc lại: ",
        "Thêm một lần nữa, khi đã rõ phần còn lại: ",
    ),
    reasoning=(
        "Trước tiên mình cần hiểu câu hỏi thực sự là gì. ",
        "Có hai cách hiểu, và cách thứ hai có vẻ đúng hơn. ",
        "Để mình đối chiếu với những gì đã nói trước đó. ",
        "Nếu bắt đầu từ ví dụ thì quy tắc chung sẽ dễ hiểu hơn. ",
        "Có một điều đáng ngại: khi tải cao, các con số có thể khác. ",
        "Điều đó hợp lý, mình sẽ nhắc đến rồi đi tiếp. ",
        "Thứ tự rất quan trọng: mục tiêu, các bước, rồi đến rủi ro. ",
        "Có lẽ một câu trả lời giản dị sẽ hữu ích hơn. ",
    ),
)
