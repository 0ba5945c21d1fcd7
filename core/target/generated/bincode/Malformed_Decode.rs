impl < __Context > :: bincode :: Decode < __Context > for Malformed
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::TooLarge
            {
                size : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, max : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::NotUtf8
            {
                at : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::NotJson
            {
                at : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, problem : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 3u32 =>core :: result :: Result :: Ok(Self ::NotAnObject {}),
            4u32 =>core :: result :: Result ::
            Ok(Self ::Invalid
            {
                id : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, command : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, problems : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Malformed", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 4 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Malformed
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::TooLarge
            {
                size : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, max : :: bincode :: BorrowDecode ::<
                __D :: Context >:: borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::NotUtf8
            {
                at : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::NotJson
            {
                at : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, problem : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result :: Ok(Self ::NotAnObject {}),
            4u32 =>core :: result :: Result ::
            Ok(Self ::Invalid
            {
                id : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, command : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, problems : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Malformed", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 4 }
            })
        }
    }
}