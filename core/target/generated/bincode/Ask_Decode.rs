impl < __Context > :: bincode :: Decode < __Context > for Ask
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Spawn
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, session : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, cwd : :: bincode :: Decode ::<
                __D :: Context >:: decode(decoder) ?, resume : :: bincode ::
                Decode ::< __D :: Context >:: decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Call
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, call : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, kind : :: bincode :: Decode ::<
                __D :: Context >:: decode(decoder) ?, frame : :: bincode ::
                Decode ::< __D :: Context >:: decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Interrupt
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, kind : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Dialog
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, request : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, answer : :: bincode :: Decode
                ::< __D :: Context >:: decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Kill
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Ask", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 4 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Ask
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::Spawn
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, session : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, cwd : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, resume : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 1u32 =>core :: result :: Result ::
            Ok(Self ::Call
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, call : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, kind : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, frame : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Interrupt
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, kind : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Dialog
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, request : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, answer : ::
                bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 4u32 =>core :: result :: Result ::
            Ok(Self ::Kill
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Ask", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 4 }
            })
        }
    }
}