impl < __Context > :: bincode :: Decode < __Context > for Output
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Deliver
            {
                to : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, frame : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Admit
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Leave
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Subscribe
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, session : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, after : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Unsubscribe
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, session : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::Unlist
            {
                session : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::SetInterest
            {
                conn : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, interest : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Ask
            {
                0 : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::Query
            {
                query : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, what : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 9u32 =>core :: result :: Result :: Ok(Self ::Exit {}), variant
            =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Output", allowed : &:: bincode
                :: error :: AllowedEnumVariants :: Range { min: 0, max: 9 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Output
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Deliver
            {
                to : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, frame : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Admit
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Leave
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Subscribe
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, session : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, after : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Unsubscribe
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, session : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 5u32 =>core :: result :: Result ::
            Ok(Self ::Unlist
            {
                session : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 6u32 =>core :: result :: Result ::
            Ok(Self ::SetInterest
            {
                conn : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, interest : :: bincode ::
                BorrowDecode ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 7u32 =>core :: result :: Result ::
            Ok(Self ::Ask
            {
                0 : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 8u32 =>core :: result :: Result ::
            Ok(Self ::Query
            {
                query : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, what : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 9u32 =>core :: result :: Result :: Ok(Self ::Exit {}), variant
            =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Output", allowed : &:: bincode
                :: error :: AllowedEnumVariants :: Range { min: 0, max: 9 }
            })
        }
    }
}